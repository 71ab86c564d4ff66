/**
 * A fresh copy installs on any day: whatever packages for other platforms a registry serves when the lock is made, and
 * whatever it serves later. `npm ci` fails in one direction or the other, so the Makefile's own rule is what runs here.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockFaults } from '../scripts/check-lock.ts';
import { explain } from '../scripts/npm-install.mjs';
import { COMPILED } from './harness/process.ts';
import { RegistryStandIn, type FixturePackage } from './harness/registry.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HERE = `native-${process.platform}-${process.arch}`;
const PLATFORMS = [
  { os: 'linux', cpu: 'x64' },
  { os: 'linux', cpu: 'arm64' },
  { os: 'darwin', cpu: 'arm64' },
  { os: 'win32', cpu: 'x64' },
].map(({ os, cpu }): FixturePackage => ({ name: `native-${os}-${cpu}`, version: '1.0.0', os: [os], cpu: [cpu] }));
const NATIVE: FixturePackage = {
  name: 'native',
  version: '1.0.0',
  optionalDependencies: Object.fromEntries(PLATFORMS.map(({ name }) => [name, '1.0.0'])),
};
const PLAIN: FixturePackage = { name: 'plain', version: '2.3.4' };
const MANIFEST = { name: 'fresh-copy', version: '1.0.0', dependencies: { native: '1.0.0', plain: '2.3.4' } };

const OTHERS = PLATFORMS.map(({ name }) => name).filter((name) => name !== HERE);
/** What the registry withholds: nothing, some platforms, every platform but this one. */
const DAYS = { all: [], some: OTHERS.slice(1), 'none but this': OTHERS } as const;
type Day = keyof typeof DAYS;

const temporary = mkdtempSync(join(tmpdir(), 'signalbox-install-'));
const registry = new RegistryStandIn([...PLATFORMS, NATIVE, PLAIN]);
beforeAll(() => registry.listen());
afterAll(() => {
  registry.close();
  rmSync(temporary, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly printed: string;
}

/** Runs a program with this Node first on the PATH, an empty npm cache and the stand-in as the only registry. */
function run(folder: string, file: string, args: readonly string[]): Promise<Ended> {
  const env = {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
    HOME: folder,
    npm_config_registry: registry.url,
    npm_config_cache: join(folder, '.npm-cache'),
    npm_config_fetch_retries: '0',
    npm_config_update_notifier: 'false',
    ...COMPILED,
  };
  return new Promise((resolve) => {
    execFile(file, args, { cwd: folder, env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), printed: `${out}${err}` }),
    );
  });
}

/** A copy of what an install reads, with the fixture's packages and a lock (or none). */
function freshCopy(lock?: string): string {
  const folder = mkdtempSync(join(temporary, 'copy-'));
  mkdirSync(join(folder, 'scripts'));
  for (const file of ['Makefile', '.npmrc', 'scripts/npm-install.mjs', 'signalbox'])
    copyFileSync(join(ROOT, file), join(folder, file));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(MANIFEST));
  if (lock !== undefined) writeFileSync(join(folder, 'package-lock.json'), lock);
  return folder;
}

/** By the day on which they were made: the registry is asked once for each. */
const locks = new Map<Day, string>();

async function lockMadeWhen(day: Day): Promise<string> {
  const known = locks.get(day);
  if (known !== undefined) return known;
  registry.withheld = new Set(DAYS[day]);
  const folder = freshCopy();
  const { code, printed } = await run(folder, 'npm', ['install', '--package-lock-only', '--ignore-scripts']);
  if (code !== 0) throw new Error(printed);
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  locks.set(day, lock);
  return lock;
}

describe('the registry serves all, some, or no packages for other platforms', () => {
  test.each(['all', 'some', 'none but this'] as const)(
    'a lock made when it served %s installs on each of those days',
    { timeout: 60_000 },
    async (made) => {
      const lock = await lockMadeWhen(made);
      expect(lockFaults(MANIFEST, JSON.parse(lock))).toEqual([]);
      for (const day of ['all', 'some', 'none but this'] as const) {
        registry.withheld = new Set(DAYS[day]);
        const folder = freshCopy(lock);
        const { code, printed } = await run(folder, 'make', ['install']);
        expect({ day, code, printed }).toMatchObject({ day, code: 0 });
        expect(readFileSync(join(folder, 'package-lock.json'), 'utf8'), `the lock when it serves ${day}`).toBe(lock);
        const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
        expect(installed.sort()).toEqual(['native', HERE, 'plain'].sort());
      }
    },
  );

  test('without a package that is needed, make start ends with a line that says which and what to do', async () => {
    const lock = await lockMadeWhen('all');
    registry.withheld = new Set([PLAIN.name]);
    const { code, printed } = await run(freshCopy(lock), 'make', ['start']);
    expect(code).not.toBe(0);
    const lines = printed.split('\n').filter((line) => line.startsWith('signalbox: '));
    expect(lines).toEqual([
      expect.stringMatching(/^signalbox: npm could not install plain(@2\.3\.4)? \(E404\): .*ask another registry/),
    ]);
  });

  test('without any registry, make start says that it cannot be reached', async () => {
    const lock = await lockMadeWhen('all');
    const folder = freshCopy(lock);
    const npmrc = `${readFileSync(join(folder, '.npmrc'), 'utf8')}fetch-retries=0\n`;
    writeFileSync(join(folder, '.npmrc'), npmrc);
    const gone = new RegistryStandIn([]);
    await gone.listen();
    const address = gone.url;
    gone.close();
    const { printed } = await run(folder, 'env', [`npm_config_registry=${address}`, 'make', 'start']);
    expect(printed).toMatch(/^signalbox: npm could not install .*\(ECONNREFUSED\): the registry cannot be reached/m);
  });
});

describe('make check refuses a lock that a fresh clone could not install', () => {
  const entry = { version: '2.3.4', integrity: 'sha512-x' };
  const root = { dependencies: { plain: '2.3.4' } };

  test.each([
    { why: 'no version', packages: { 'node_modules/plain': { integrity: 'sha512-x' } }, says: /plain has no version/ },
    { why: 'no integrity', packages: { 'node_modules/plain': { version: '2.3.4' } }, says: /plain has no integrity/ },
    { why: 'inert', packages: { 'node_modules/plain': entry, 'node_modules/o': {} }, says: /o has no version/ },
    { why: 'a wish is missing', packages: {}, says: /would change the lock: package\.json wants plain/ },
    {
      why: 'another wish in the root entry',
      packages: { '': { dependencies: {} }, 'node_modules/plain': entry },
      says: /would change the lock: its dependencies/,
    },
    {
      why: 'a host of a registry',
      packages: { 'node_modules/plain': { ...entry, resolved: 'http://localhost/plain.tgz' } },
      says: /names a registry/,
    },
  ])('$why', ({ packages, says }) => {
    const faults = lockFaults(root, { packages: { '': root, ...packages } });
    expect(faults.join('\n')).toMatch(says);
  });

  test('a complete one is accepted, with packages inside packages and optional ones that are missing', () => {
    const nested = { ...entry, dependencies: { deep: '1.0.0' }, optionalDependencies: { absent: '1.0.0' } };
    const packages = { '': root, 'node_modules/plain': nested, 'node_modules/plain/node_modules/deep': entry };
    expect(lockFaults(root, { packages })).toEqual([]);
  });
});

describe('what npm says when it fails becomes one line', () => {
  test.each([
    {
      printed: 'npm error code ETARGET\nnpm error notarget No matching version found for @scope/name@9.9.9.\n',
      says: '@scope/name@9.9.9 (ETARGET): the registry does not serve this version',
    },
    {
      printed: 'npm error code EINTEGRITY\nnpm error sha512-x when fetching http://127.0.0.1/@s%2fn/-/n-1.2.3.tgz\n',
      says: '@s/n@1.2.3 (EINTEGRITY): the registry served other bytes',
    },
    { printed: 'npm error code ENOSPC\n', says: 'the packages (ENOSPC): the disk is full' },
    { printed: 'Segmentation fault', says: 'the packages (unknown): read what npm printed' },
  ])('$says', ({ printed, says }) => expect(explain(printed)).toContain(`npm could not install ${says}`));
});
