/** A node with an application that has a queue: docs/queues.md in one process. */
import { describe, expect, test } from 'vitest';
import { loadApps } from '../../src/apps/load.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { App } from '../../src/index.ts';
import { eventually } from '../harness/deadline.ts';
import { SETTINGS, startServer, type TestServer } from '../harness/server.ts';
import { lettersApp, type Post } from './letters.ts';

async function send(server: TestServer, letter: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${server.url}/api/letters`, { method: 'POST', headers, body: JSON.stringify(letter) });
}

test('a route answers when the queue has it, and the handler gets it, again where it failed', async () => {
  const sent: string[] = [];
  let failures = 2;
  const post: Post = {
    deliver: async (to, text) => {
      if (text === 'second' && failures > 0) {
        failures -= 1;
        throw new Error('the post office is closed');
      }
      sent.push(`${to}: ${text}`);
      return 'sent';
    },
  };
  const server = await startServer({}, [lettersApp(post, { retryMs: 20 })]);
  for (const text of ['first', 'second', 'third']) {
    const response = await send(server, { to: 'ada', text });
    expect([response.status, await response.json()]).toEqual([202, { queued: true }]);
  }
  await eventually(() => sent.length === 3, 'the letters');
  expect(sent).toEqual(['ada: first', 'ada: second', 'ada: third']);
});

test('a queue that is full is 503 queue_unavailable, a letter that is too large 413, and neither is a fault of the application', async () => {
  const post: Post = { deliver: () => new Promise(() => {}) };
  const server = await startServer({ 'queue.max_messages': '2', 'queue.max_message_bytes': '2048' }, [
    lettersApp(post),
  ]);
  const large = await send(server, { to: 'ada', text: 'x'.repeat(3_000) });
  expect([large.status, await large.json()]).toMatchObject([413, { error: { reason: 'payload_too_large' } }]);
  for (const to of ['ada', 'bob']) expect((await send(server, { to, text: 'x' })).status).toBe(202);
  const refused = await send(server, { to: 'cyd', text: 'x' });
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
    503,
    '1',
    { error: { reason: 'queue_unavailable' } },
  ]);
  expect(await server.samples('signalbox_app_failures_total')).toEqual([]);
});

test('a node that stops waits for handlers, and tells those that take too long', async () => {
  const ended: string[] = [];
  let begun = 0;
  const post: Post = {
    deliver: (to, _text, signal) =>
      new Promise((resolve) => {
        begun += 1;
        signal.addEventListener('abort', () => {
          ended.push(`${to} aborted`);
          resolve('sent');
        });
      }),
  };
  const server = await startServer({}, [lettersApp(post)]);
  await send(server, { to: 'ada', text: 'x' });
  await eventually(() => begun === 1, 'the handler to begin');
  await server.stop();
  expect(ended).toEqual(['ada aborted']);
});

describe('names of queues', () => {
  const load = (app: App): Promise<unknown> =>
    loadApps(loadConfig({ files: [], environment: {}, flags: new Map(Object.entries(SETTINGS)) }), {}, [app]);

  test('a name that no queue can have is refused before anything starts', async () => {
    await expect(load({ name: 'odd', queues: { names: ['Odd Name'] }, start: () => ({}) })).rejects.toThrow(
      'apps.odd: expected the program: queues with names of [a-z][a-z0-9_-]*, at most 64 characters, got "Odd Name"',
    );
  });

  test('an application gets the queues that it names, and no other', async () => {
    const app: App = {
      name: 'odd',
      queues: { names: ['mine'] },
      start: (host) => {
        host.queue('mine');
        host.queue('yours');
        return {};
      },
    };
    await expect(startServer({}, [app])).rejects.toThrow(
      'queue "yours": expected a name in queues of odd, which has mine',
    );
  });
});
