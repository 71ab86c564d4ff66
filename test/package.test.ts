/** The package as somebody installs it: its program in an empty folder, its types, and the example of its page. */
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { CheckResult } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../src/cli/version.ts';
import { connect } from './harness/client.ts';
import { InstalledPackage } from './harness/installed-package.ts';
import { COMPILED, launchServer, runLauncher, runServer, type Outcome, type ServerProcess } from './harness/process.ts';

const run = promisify(execFile);
const TSC = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
const PAGE = readFileSync(new URL('../docs/library.md', import.meta.url), 'utf8');
const EXAMPLE = /^```ts\n(?<code>[^`]*(?:`[^`]+`[^`]*)*)^```/m.exec(PAGE)?.groups?.['code'] ?? '';

const CLIENT_PAGE = readFileSync(new URL('../docs/client.md', import.meta.url), 'utf8');
const FIRST_LINES = /^```js\n(?<code>[^`]*(?:`[^`]+`[^`]*)*)^```/m.exec(CLIENT_PAGE)?.groups?.['code'] ?? '';

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await InstalledPackage.make();
}, 120_000);
afterAll(() => installed.remove());

function verb(...args: string[]): Promise<Outcome> {
  return runLauncher(installed.launcher, args, installed.folder, installed.environment);
}

function serve(...args: string[]): Promise<ServerProcess> {
  return runServer(installed.launcher, installed.environment, args, installed.folder);
}

test('serves in an empty folder: token, health, a message that is published and received', async () => {
  const server = await serve('--profile', 'development', '--log-format', 'json');
  const { out: token } = await verb('token', '--user', 'alice');
  const [alice, bob] = [
    await connect(server.port, { token: token.trim() }),
    await connect(server.port, { token: token.trim(), format: 'msgpack' }),
  ];
  await bob.subscribe('chat.lobby');
  await alice.publish('chat.lobby', { text: 'hello' });
  expect((await bob.next('Broadcast')).data).toMatchObject({ from: 'alice', payload: { text: 'hello' } });
  const health = await verb('health', '--url', `http://127.0.0.1:${server.port}`);
  expect([health.code, health.err]).toEqual([0, '']);
  expect(await server.end()).toBe(0);
  expect(readdirSync(installed.folder)).toEqual(['node_modules']);
  const secret = join(installed.environment['HOME'] ?? '', '.local/state/signalbox/development-secret');
  expect(statSync(secret).mode & 0o777).toBe(0o600);
});

test('the development profile needs no package of development', async () => {
  const words = ['serve', '--profile', 'development', '--port', '0'];
  const server = launchServer(installed.launcher, words, installed.environment, installed.folder);
  await server.printed(/Serving[^]*ready/);
  expect([await server.end(), server.errors]).toEqual([0, expect.not.stringContaining('Error')]);
});

test('generates load, in threads of its own', async () => {
  const server = await serve('--profile', 'development', '--log-format', 'json');
  const target = `ws://127.0.0.1:${server.port}/ws`;
  const load = await verb(
    'load',
    '--url',
    target,
    '-c',
    '4',
    '-r',
    '50',
    '-d',
    '300ms',
    '--warm-up',
    '50ms',
    '--settle',
    '1s',
  );
  expect([load.code, load.err]).toEqual([0, expect.any(String)]);
  expect(await server.end()).toBe(0);
});

test('says its version, and what is missing for production', async () => {
  const [said, refused] = await Promise.all([verb('version'), verb('serve')]);
  expect(said.out).toMatch(new RegExp(`^signalbox ${version}, Node`));
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('--profile development')]);
});

test('whatever a built file looks for beside itself is in the package', () => {
  const dist = join(installed.root, 'dist');
  const sought = globSync('**/*.js', { cwd: dist }).flatMap((file) =>
    [...readFileSync(join(dist, file), 'utf8').matchAll(/new URL\(['"`]([^'"`$]+)['"`], import\.meta\.url\)/g)].map(
      ([, path = '']) => fileURLToPath(new URL(path, pathToFileURL(join(dist, file)))),
    ),
  );
  expect(sought.length).toBeGreaterThan(4);
  expect(sought.filter((path) => !existsSync(path))).toEqual([]);
  const scripts = globSync('**/*.lua', { cwd: fileURLToPath(new URL('../src', import.meta.url)) });
  expect(globSync('**/*.lua', { cwd: dist }).sort()).toEqual(scripts.sort());
});

test('the tools that people check packages with find nothing wrong', async () => {
  const { tarball } = installed;
  const { messages } = await publint({ pack: { tarball: tarball.buffer } });
  expect(messages).toEqual([]);
  const analysis = await typesOf(tarball);
  if (analysis.types === false) throw new Error('expected types in the package');
  // It is of modules alone, and of entries that Node 10 did not know.
  const wanted = analysis.problems.filter(
    (problem) =>
      problem.kind !== 'CJSResolvesToESM' && !(problem.kind === 'NoResolution' && problem.resolutionKind === 'node10'),
  );
  expect(wanted).toEqual([]);
  expect(Object.keys(analysis.entrypoints).length).toBeGreaterThan(5);
});

async function typesOf(tarball: Uint8Array): Promise<CheckResult> {
  const program = fileURLToPath(new URL('harness/package-types.ts', import.meta.url));
  const running = run(process.execPath, [program], {
    env: { ...process.env, ...COMPILED },
    maxBuffer: 16 * 1024 * 1024,
  });
  running.child.stdin?.end(tarball);
  return JSON.parse((await running).stdout) as CheckResult;
}

describe('as a library', () => {
  /** Beside `node_modules`, and gone with it. */
  function write(name: string, text: string): string {
    const path = join(installed.folder, name);
    writeFileSync(path, text);
    return path;
  }

  test('the example of docs/library.md runs, and nothing keeps its process alive', async () => {
    const example = write('example.mts', EXAMPLE);
    const { stdout } = await run(process.execPath, [example], { timeout: 30_000, env: installed.environment });
    expect(stdout).toMatch(/^200 at ws:\/\/127\.0\.0\.1:\d+\/ws$/m);
  });

  test('its client says and hears what the first lines of docs/client.md say', async () => {
    const server = await serve('--profile', 'development', '--log-format', 'json');
    const { out: token } = await verb('token', '--user', 'alice');
    const lines = FIRST_LINES.replace("'wss://example.com/ws'", 'process.env.WS_URL');
    const program = write('client.mjs', `${UNTIL_HEARD}\n${lines}\nawait heard;\nawait client.close();\n`);
    const environment = { ...installed.environment, WS_URL: `ws://127.0.0.1:${server.port}/ws`, TOKEN: token.trim() };
    const { stdout } = await run(process.execPath, [program], { timeout: 30_000, env: environment });
    expect(stdout).toBe('alice: hello\n');
    expect(await server.end()).toBe(0);
  });

  test('its client has types, and its other entries can be loaded', async () => {
    write('package.json', '{"type":"module"}');
    write('tsconfig.json', JSON.stringify({ compilerOptions: STRICT, files: ['client.ts'] }));
    write('client.ts', CLIENT_TYPES);
    const types = fileURLToPath(new URL('../node_modules/@types', import.meta.url));
    const words = ['--noEmit', '--project', installed.folder, '--typeRoots', types, '--types', 'node'];
    const { stdout } = await run(TSC, words).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
    const entries = [
      '',
      '/debug',
      '/history',
      '/iterators',
      '/persist',
      '/msgpack',
      '/pattern',
      '/presence',
      '/queue',
      '/reader',
      '/sse',
      '/store',
      '/testing',
    ].map((entry) => `import('signalbox/client${entry}')`);
    const load = write('load.mjs', `console.log((await Promise.all([${entries.join()}])).length);`);
    expect((await run(process.execPath, [load], { env: installed.environment })).stdout).toBe('13\n');
    expect(readFileSync(join(installed.root, 'dist/client/signalbox.js'), 'utf8')).toMatch(/^var signalbox=/);
  });

  test('its types say what it takes', async () => {
    write('package.json', '{"type":"module"}');
    write('tsconfig.json', JSON.stringify({ compilerOptions: STRICT, files: ['example.ts', 'wrong.ts'] }));
    write('example.ts', EXAMPLE);
    write('wrong.ts', WRONG);
    // The types of Node.js are the only ones that an application brings itself.
    const types = fileURLToPath(new URL('../node_modules/@types', import.meta.url));
    const words = ['--noEmit', '--project', installed.folder, '--typeRoots', types, '--types', 'node'];
    const { stdout } = await run(TSC, words).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  });
});

/** The page's example goes on for ever; here it ends when it has printed something. */
const UNTIL_HEARD = `const { promise: heard, resolve } = Promise.withResolvers();
const { log } = console;
console.log = (text) => resolve(log(text));`;

const CLIENT_TYPES = `import { createClient, type Item } from 'signalbox/client';
import { historyOf } from 'signalbox/client/history';
import { storeOf } from 'signalbox/client/store';
interface Topics { news: { title: string }; [chat: \`chat.\${string}\`]: { text: string } }
const client = createClient<Topics>({ url: 'ws://127.0.0.1/ws' });
client.topic('chat.42').on({ message: ({ payload }) => payload.text.length, gap: () => {} });
const read = (item: Item<{ title: string }>) => (item.kind === 'message' ? item.payload.title : item.kind);
historyOf(client.topic('news')).next().then(({ value }) => value && read(value));
storeOf(client.topic('news'), { load: () => 0, apply: (count, { payload }) => count + payload.title.length }).dispose();
client.topic<{ other: number }>('anything').on({ message: ({ payload }) => payload.other, gap: () => {} });
// @ts-expect-error
client.topic('news').publish({ text: 'no title' });
// @ts-expect-error
client.topic('news').on({ message: () => {} });
// @ts-expect-error
for await (const item of client.topic('news')) item.payload;
`;

const STRICT = {
  strict: true,
  target: 'es2024',
  module: 'nodenext',
  skipLibCheck: true,
  exactOptionalPropertyTypes: true,
};

/** Each of these lines is wrong; the compiler complains when one is not. */
const WRONG = `import { createSignalbox } from 'signalbox';
// @ts-expect-error
createSignalbox({ config: { server: { port: 'eighty' } } });
// @ts-expect-error
createSignalbox({ config: { sever: {} } });
// @ts-expect-error
const port: string = createSignalbox().url.length;
`;
