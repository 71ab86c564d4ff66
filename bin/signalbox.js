#!/usr/bin/env -S node --max-semi-space-size=4 --v8-pool-size=1
// What an installed package runs; a checkout runs ./signalbox, which says why V8 gets these two flags.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
const program = new URL('../dist/main.js', import.meta.url);

if (!(major === 22 ? minor >= 18 : major >= 24))
  fail(`expected Node.js 22.18 or later of 22, or 24 or later, got ${process.version}`);
if (!existsSync(program)) fail('expected dist/, which `make package` builds: this package was packed without it');
await import(program.href);

function fail(problem) {
  process.stderr.write(`signalbox: ${problem}\n`);
  process.exit(1);
}
