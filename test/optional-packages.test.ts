/** What a production install leaves out: the two uses of it say which package is missing, and everything else goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { signalbox, startProcess } from './harness/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'signalbox-optional-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Makes the packages impossible to find, as if they were not installed. */
function without(...names: readonly string[]): Record<string, string> {
  const hook = join(folder, 'hook.cjs');
  writeFileSync(
    hook,
    `const Module = require('node:module');
     const resolve = Module._resolveFilename;
     Module._resolveFilename = (name, ...rest) => {
       if (${JSON.stringify(names)}.includes(name)) throw Object.assign(new Error('not found'), { code: 'MODULE_NOT_FOUND' });
       return resolve(name, ...rest);
     };`,
  );
  return { NODE_OPTIONS: `--require ${hook}` };
}

test('readable lines without pino-pretty: the node serves, its lines are JSON, and one of them says why', async () => {
  const server = await startProcess(['--set', 'logging.format=pretty'], without('pino-pretty'));
  const said = server.lines().filter(({ message }) => message.includes('pino-pretty'));
  expect(said.map(({ message }) => message)).toEqual([
    'logging.format = "pretty" needs the package pino-pretty, which a production install leaves out: npm install pino-pretty. The lines are JSON until then',
  ]);
  expect(await server.end()).toBe(0);
});

test('load --http without autocannon is one line that says what to install', async () => {
  const server = await startProcess();
  const url = `ws://127.0.0.1:${server.port}/ws`;
  const { code, err } = await signalbox(['load', '--url', url, '--http', '/health'], without('autocannon'));
  expect(code).toBe(1);
  expect(err).toBe(
    'signalbox: load --http needs the package autocannon, which a production install leaves out: npm install autocannon\n',
  );
  expect(await server.end()).toBe(0);
});
