/** Presence of clients that have a stream instead of a WebSocket: it lasts as long as the stream, and its grace. */
import { describe, expect, test } from 'vitest';
import { connect, type Client } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { askForStream, openStream } from './harness/event-stream.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { poll } from './harness/ways.ts';

const T = 'chat.lobby';
const ALIAS = `@presence.${T}`;
const RULES = JSON.stringify([{ pattern: 'chat.**', presence: 'user' }]);

function start(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const own = { 'topics.rules': RULES, 'presence.batch_ms': '10', 'presence.grace_secs': '1' };
  return startServer({ ...own, 'rate_limiting.enabled': 'false', ...settings });
}

async function reader(port: number): Promise<Client> {
  const client = await connect(port, { user: 'reader' });
  await client.subscribe(ALIAS);
  return client;
}

const next = async (client: Client): Promise<unknown> => (await client.next('Broadcast')).data.payload;

function open(port: number, presence: unknown) {
  return openStream(port, { user: 'ada', body: { topics: [T, ALIAS], presence } });
}

test('it begins with the stream, and an update is a new stream before the old one ends', async () => {
  const { port } = await start();
  const client = await reader(port);
  const stream = await open(port, [{ topic: T, data: { mood: 'é' } }, 'chat.garden']);
  for (const at of [0, 1]) {
    const answer = await stream.waitFor(({ reply_to }) => reply_to === `presence-${at}`, 'the answer');
    expect(answer).toMatchObject({ event: 'status', data: { status: 'presence', details: { user: 'ada', count: 1 } } });
  }
  expect(await next(client)).toEqual({ changes: [{ op: 'enter', user: 'ada', data: { mood: 'é' } }], count: 1 });
  expect((await stream.next('Broadcast')).data.topic).toBe(ALIAS);
  const second = await open(port, [{ topic: T, data: { mood: 'ok' } }]);
  await second.subscribed();
  expect(await next(client)).toEqual({ changes: [{ op: 'update', user: 'ada', data: { mood: 'ok' } }], count: 1 });
  await stream.drop();
  // The garden, which the second stream does not name, is left when the grace of the first is over; the lobby is not.
  const counts = async () => (await client.ask('PresenceGet', { topics: [T, 'chat.garden'] })).data.details;
  await eventually(async () => JSON.stringify(await counts()).includes('"chat.garden":0'), 'the grace to be over');
  expect(await counts()).toMatchObject({ counts: { [T]: 1, 'chat.garden': 0 } });
  expect(client.untaken('Broadcast')).toEqual([]);
  await second.drop();
  expect(await next(client)).toEqual({ changes: [{ op: 'leave', user: 'ada', reason: 'expired' }], count: 0 });
});

test('a stream that comes back within the grace has never left', async () => {
  const { port } = await start();
  const client = await reader(port);
  let stream = await open(port, [T]);
  await next(client);
  for (let at = 0; at < 3; at += 1) {
    await stream.drop();
    stream = await open(port, [T]);
    await stream.status('presence');
  }
  expect(client.untaken('Broadcast')).toEqual([]);
});

describe('what is refused', () => {
  test.each([
    ['no array', 'chat.lobby'],
    ['51 topics', Array.from({ length: 51 }, () => T)],
    ['an entry without a topic', [{ data: {} }]],
    ['data that is no object', [{ topic: T, data: [1] }]],
    ['an entry that is nothing', [null]],
  ])('at once: %s', async (_, presence) => {
    const server = await start();
    const response = await askForStream(server.port, { body: { topics: [T], presence } });
    let body = '';
    for await (const bytes of response) body += String(bytes);
    expect([response.statusCode, body]).toEqual([400, expect.stringMatching(/presence.*expected/)]);
    await eventually(() => server.connections === 0, 'nothing to be left');
  });

  test.each([
    ['data beyond the bound', [{ topic: T, data: { x: 'x'.repeat(1_024) } }], 'invalid_field'],
    ['a topic without presence', ['open.x'], 'not_allowed'],
    ['one topic too many', ['chat.a', 'chat.b', T], 'topic_limit'],
  ])('in the stream, which goes on: %s', async (_, presence, reason) => {
    const { port } = await start({ 'presence.per_connection': '2' });
    const stream = await open(port, presence);
    const error = await stream.next('Error');
    expect(error).toMatchObject({ event: 'error', reply_to: `presence-${presence.length - 1}`, data: { reason } });
    await (await connect(port, { user: 'bob' })).publish(T, 'hello');
    expect((await stream.next('Broadcast')).data.payload).toBe('hello');
  });

  test('in a poll, which is over in a moment', async () => {
    const { port } = await start();
    await expect(poll(port, 'ada', { topics: [T], presence: [T], wait_ms: 0 })).rejects.toThrow(/400|presence/);
  });
});
