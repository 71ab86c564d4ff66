/** examples/bridge.md is typed as it stands there, on other ports, and each answer is what the page says. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { eventually, within } from '../../harness/deadline.ts';
import { endings } from '../../harness/end-of-file.ts';
import { freePort } from '../../harness/free-port.ts';
import { POSTGRESQL, startPostgresql } from '../../harness/postgresql-server.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'examples/bridge.md'), 'utf8');
const TOML = readFileSync(join(ROOT, 'examples/bridge.toml'), 'utf8');
const MINUTES_MS = 600_000;

const started = new Set<ChildProcess>();
endings.add(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
});

const hasCurl = spawnSync('curl', ['--version']).status === 0;

test.skipIf(!hasCurl || POSTGRESQL === null)(
  'the whole way on one machine, as the page says',
  async () => {
    // The page has the database in the process, which costs the start of it seconds and 500 MB.
    const postgresql = await startPostgresql();
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-example-'));
    const [server, meta, desk] = [await freePort(), await freePort(), await freePort()];
    const config = join(folder, 'bridge.toml');
    const moved = (text: string): string =>
      text
        .replaceAll(/\b8081\b/g, String(server))
        .replaceAll(/\b9101\b/g, String(meta))
        .replaceAll(/\b9102\b/g, String(desk))
        .replaceAll('examples/bridge.toml', config)
        .replaceAll('/tmp/signalbox-example-media', join(folder, 'media'));
    writeFileSync(config, moved(TOML).replace('[server]\n', `[server]\nport = ${server}\n`));
    const [programs = '', ...blocks] = [...PAGE.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => moved(block));
    expect(blocks.length).toBeGreaterThanOrEqual(6);

    const environment = {
      PATH: process.env['PATH'],
      HOME: folder,
      DATABASE_URL: await postgresql.database(),
      SIGNALBOX_DATABASE_MIGRATE: 'true',
    };
    for (const line of programs.split('\n').filter((it) => it.endsWith('&'))) {
      const [program = '', ...words] = line.replace(/ *&$/, '').split(' ');
      const child = spawn(program, words, { cwd: ROOT, env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
      started.add(child);
    }
    const answers = async (port: number, path: string): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}${path}`).then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually(async () => answers(server, '/health/ready'), 'the server to be ready', MINUTES_MS / 3);
    await eventually(async () => answers(meta, '/fake/sent'), 'the Graph API');
    await eventually(async () => answers(desk, '/fake/inbox'), 'Genesys');

    // One shell for all blocks: later ones use what earlier ones have set.
    const script = blocks.map((block) => `${block}\necho "=== end of block"`).join('\n');
    const output = await within(
      new Promise<string>((resolve, reject) => {
        execFile('bash', ['-ec', script], { cwd: ROOT, env: environment }, (error, out, err) => {
          if (error === null) resolve(out);
          else reject(new Error(`${error.message}\n${out}\n${err}`));
        });
      }),
      'the page to be typed',
      MINUTES_MS / 2,
    );
    const [tenant = '', handshake, there = '', back = '', where = '', faults = ''] = output.split('=== end of block\n');
    expect(tenant).toContain('"tenantId":"acme"');
    expect(tenant).not.toContain('meta-app-secret-0123456789');
    expect(handshake).toContain('1158201444');
    expect(there).toMatch(/"from":"491701234567","text":"Is my order on its way\?"/);
    expect(back).toMatch(/"text":"It comes tomorrow\."/);
    expect(back).toMatch(/"status":"Delivered"/);
    expect(where).toMatch(/"number":"\+49…67"/);
    expect(where).toMatch(/message \S+: text to \+49…67, delivered/);
    expect(where).toContain('The phone has it; the customer has not read it.');
    expect(where).not.toContain('491701234567"');
    expect(where).toMatch(/^acme: \d+ messages, mean [\d.]+ ms, p50 [\d.]+ ms, p99 [\d.]+ ms$/m);
    expect(faults.match(/Or the day after\./g)).toHaveLength(1);
    for (const child of started) child.kill('SIGTERM');
    await Promise.all([...started].map((child) => new Promise((resolve) => child.once('exit', resolve))));
    started.clear();
    postgresql.end();
    rmSync(folder, { recursive: true, force: true });
  },
  MINUTES_MS,
);
