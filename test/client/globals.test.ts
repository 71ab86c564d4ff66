/** The library in a place that has hardly anything: no page, no Node, and a policy that forbids to compile text. */
import { createContext, Script } from 'node:vm';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

async function bundle(code: string): Promise<string> {
  const entry = fileURLToPath(new URL('../../src/client/entry-of-the-test.ts', import.meta.url));
  const build = await rolldown({
    input: entry,
    plugins: [
      { name: 'entry', load: (id) => (id === entry ? code : null), resolveId: (id) => (id === entry ? id : null) },
    ],
  });
  const { output } = await build.generate({ format: 'iife', minify: true });
  return output[0].code;
}

const PROGRAM = `
import { createClient } from './index.ts';
import { msgpack } from './msgpack/index.ts';
import { overHttp } from './sse/index.ts';
const client = createClient({ fallback: overHttp(), url: given.url, token: given.token, ...(given.format === 'msgpack' && { codec: msgpack }) });
const topic = client.topic('chat.42');
topic.on({
  live: () => topic.publish({ text: 'hello' }),
  message: ({ payload, mine }) => client.close().then(() => given.done(payload.text + ' ' + mine)),
  gap: () => given.done('gap'),
  error: (error) => given.done(String(error)),
});
client.on('error', (error) => given.done(String(error)));
`;

// What browsers, workers, Node, Deno, Bun and React Native have in common, as far as it is used.
const COMMON = { WebSocket, setTimeout, clearTimeout, performance, AbortController, TextEncoder, TextDecoder };

test.each(['json', 'msgpack'])('speaks %s with the globals that every place has, without eval', async (format) => {
  const server = await startServer();
  const heard = Promise.withResolvers<string>();
  const given = {
    url: `ws://127.0.0.1:${server.port}/ws`,
    token: await tokenOf('alice'),
    format,
    done: heard.resolve,
  };
  // The buffers of the socket are of the realm that it is of.
  const context = createContext(
    { ...COMMON, ArrayBuffer, Uint8Array, DataView, given },
    {
      codeGeneration: { strings: false, wasm: false },
    },
  );
  new Script(await bundle(PROGRAM)).runInContext(context);
  expect(await heard.promise).toBe('hello true');
});
