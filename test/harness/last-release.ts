/** The last release as a process beside this one: its source comes out of the history of this clone. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchServer, type ServerProcess } from './process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What was handed out last (docs/upgrades.md). To be moved to the commit of each release. */
const LAST_RELEASE = '8e4c27c32ac4';

let told = false;

/** Why it cannot be had: a shallow clone, or an archive without history. `null` when it can. */
export function lastReleaseProblem(): string | null {
  const { status } = spawnSync('git', ['cat-file', '-e', `${LAST_RELEASE}^{commit}`], { cwd: ROOT });
  if (status === 0) return null;
  const problem = `the history of this clone has no ${LAST_RELEASE} (git fetch --unshallow)`;
  if (!told) process.stderr.write(`skipped: two versions: ${problem}\n`);
  told = true;
  return problem;
}

export class LastRelease {
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-last-release-'));

  /** Its source, with the packages of this clone: those that it needs are among them. */
  constructor() {
    const paths = ['src', 'config', 'package.json'];
    const archive = execFileSync('git', ['archive', LAST_RELEASE, ...paths], { cwd: ROOT, maxBuffer: 1e8 });
    execFileSync('tar', ['x', '-C', this.directory], { input: archive });
    symlinkSync(join(ROOT, 'node_modules'), join(this.directory, 'node_modules'));
  }

  /** A node of it, on a free port. */
  async start(
    settings: Readonly<Record<string, string>>,
    environment: Readonly<Record<string, string>>,
  ): Promise<ServerProcess> {
    const assignments = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const words = [join(this.directory, 'src/main.ts'), 'serve', '--host', '127.0.0.1', '--port', '0', ...assignments];
    const server = launchServer(process.execPath, words, environment, this.directory);
    await server.serving();
    return server;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}
