/** Prints what the console of a package costs a browser, compressed as it is sent, and fails above the limit. */
import { gzipSync } from 'node:zlib';
import { consoleAssets, consolePage, SCRIPT } from '../src/http/console/assets.ts';
import { consoleBundle } from './console-bundle.ts';

/** Of all files together, the library of the charts among them. */
const LIMIT = 60_000;
const ROOMS = new URL('../src/', import.meta.url);

const texts = new Map([...consoleAssets(ROOMS)].map(([name, { text }]) => [name, text]));
for (const name of texts.keys()) if (name.endsWith('.ts')) texts.delete(name);
texts.set(SCRIPT, await consoleBundle()).set('the page', consolePage(ROOMS));

let all = 0;
for (const [name, text] of texts) {
  const size = gzipSync(text, { level: 9 }).length;
  all += size;
  process.stdout.write(`console: ${name} ${size} bytes compressed\n`);
}
process.stdout.write(`console: ${all} bytes compressed in all (at most ${LIMIT})\n`);
if (all > LIMIT) process.exitCode = 1;
