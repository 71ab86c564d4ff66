/** A checkout whose path has a space: `make install` and the launcher, with an npm that fetches nothing. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PINNED = /^NODE_PIN\s*:= (\S+)$/m.exec(readFileSync(join(ROOT, 'Makefile'), 'utf8'))?.[1] ?? '';

/** Says the pinned version, and is this Node for everything else. */
const NODE = `#!/bin/bash\n[ "$1" = -v ] && { echo v${PINNED}; exit; }\nexec "${process.execPath}" "$@"\n`;

/** Runs scripts, and answers the Makefile's question about versions like one that is too old. */
const OLD_NODE = `#!/bin/bash\n[ "$1" = -e ] && exit 1\nexec "${process.execPath}" "$@"\n`;

/** Writes down what it was asked, and puts a Node where the toolchain is asked for. */
const NPM = `#!/bin/bash
printf '%s|' "$PWD" "$@" >> "$CALLS"; echo >> "$CALLS"
target=.
while [ $# -gt 0 ]; do if [ "$1" = --prefix ]; then target=$2; fi; shift; done
mkdir -p "$target/node_modules/.bin"
[ "$target" = . ] || cp "$FAKES/pinned-node" "$target/node_modules/.bin/node"
`;

function program(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

interface Checkout {
  readonly directory: string;
  readonly calls: () => string[];
  readonly run: (command: string, ...args: readonly string[]) => { readonly code: number | null; readonly out: string };
}

/** @param systemNode what the machine has as `node` */
function checkout(systemNode: string): Checkout {
  const parent = mkdtempSync(join(tmpdir(), 'signalbox-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const [fakes, directory] = [join(parent, 'fakes'), join(parent, "my projects, Bob's", 'signal box')];
  for (const path of [fakes, directory]) mkdirSync(path, { recursive: true });
  program(join(fakes, 'node'), systemNode);
  program(join(fakes, 'pinned-node'), NODE);
  program(join(fakes, 'npm'), NPM);
  for (const name of ['Makefile', 'signalbox', 'package.json', 'package-lock.json'])
    copyFileSync(join(ROOT, name), join(directory, name));
  symlinkSync(join(ROOT, 'src'), join(directory, 'src'));
  symlinkSync(join(ROOT, 'scripts'), join(directory, 'scripts'));
  const calls = join(parent, 'calls');
  const env = { PATH: `${fakes}:/usr/bin:/bin`, HOME: parent, CALLS: calls, FAKES: fakes };
  return {
    directory,
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []),
    run: (command, ...args) => {
      const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, env, encoding: 'utf8' });
      return { code: status, out: stdout + stderr };
    },
  };
}

test.each([
  { way: 'with the pinned Node', systemNode: OLD_NODE, toolchain: true },
  { way: 'with the Node of the system', systemNode: NODE, toolchain: false },
])('make install and the launcher work $way', ({ systemNode, toolchain }) => {
  const { directory, calls, run } = checkout(systemNode);
  const installed = run('make', 'install');
  expect([installed.code, installed.out]).toEqual([0, expect.not.stringContaining('***')]);
  // Everything went below the checkout, and nothing beside it.
  expect(calls().every((call) => call.startsWith(`${directory}|`))).toBe(true);
  expect(existsSync(join(directory, '.toolchain'))).toBe(toolchain);
  const before = calls().length;
  expect(before).toBeGreaterThan(0);
  // Installed means installed.
  expect(run('make', 'install').code).toBe(0);
  const version = run(join(directory, 'signalbox'), 'version');
  expect([version.code, version.out]).toEqual([0, expect.stringMatching(/\d+\.\d+\.\d+/)]);
  expect(calls()).toHaveLength(before);
});
