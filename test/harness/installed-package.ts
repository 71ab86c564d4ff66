/**
 * The package as `npm install` leaves it in a folder that was empty, without a network: packed by npm, unpacked where
 * npm would, and beside it the direct dependencies of production alone, which are links into the checkout.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMPILED } from './process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export class InstalledPackage {
  /** The folder of somebody who uses it: nothing but `node_modules`. */
  readonly folder: string;
  readonly launcher: string;
  /** What its programs need: this Node, and a home of their own. */
  readonly environment: Readonly<Record<string, string>>;

  /** As npm would publish it. */
  tarball = new Uint8Array();

  private constructor(folder: string, home: string) {
    this.folder = folder;
    this.launcher = join(folder, 'node_modules/.bin/signalbox');
    this.environment = {
      HOME: home,
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    };
  }

  get root(): string {
    return join(this.folder, 'node_modules/signalbox');
  }

  static async make(): Promise<InstalledPackage> {
    const [folder, home] = ['app', 'home'].map((name) => mkdtempSync(join(tmpdir(), `signalbox-${name}-`)));
    const made = new InstalledPackage(folder ?? '', home ?? '');
    await run(process.execPath, [join(ROOT, 'scripts/build.ts')]);
    // Built above, because npm would run it on whatever Node npm has.
    const words = ['pack', '--json', '--offline', '--ignore-scripts', '--pack-destination', made.folder];
    const { stdout } = await run('npm', words, {
      cwd: ROOT,
      env: { ...process.env, ...COMPILED },
      maxBuffer: 16 * 1024 * 1024,
    });
    const [tarball = ''] = /signalbox-[\d.]+\.tgz/.exec(stdout) ?? [];
    mkdirSync(join(made.folder, 'node_modules/.bin'), { recursive: true });
    await run('tar', ['-xzf', tarball, '--one-top-level=node_modules/signalbox', '--strip-components=1'], {
      cwd: made.folder,
    });
    made.tarball = new Uint8Array(readFileSync(join(made.folder, tarball)));
    rmSync(join(made.folder, tarball));
    made.link();
    return made;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.environment['HOME'] ?? '', { recursive: true, force: true });
  }

  private link(): void {
    const modules = join(this.folder, 'node_modules');
    const manifest = JSON.parse(readFileSync(join(this.root, 'package.json'), 'utf8')) as Manifest;
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const link = join(modules, name);
      // A name with a scope is two folders deep.
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), link);
    }
    symlinkSync(join('../signalbox', manifest.bin['signalbox'] ?? ''), join(modules, '.bin/signalbox'));
  }
}
