/** The client library against a real server: what docs/client.md promises. */
import { expect, test } from 'vitest';
import { isSignalboxError, type Item, type SignalboxError } from '../../src/client/index.ts';
import { msgpack } from '../../src/client/msgpack/index.ts';
import { within } from '../harness/deadline.ts';
import { startServer } from '../harness/server.ts';
import { clientOf, Reading } from './rig.ts';
import { queueOf } from '../../src/client/queue/index.ts';

test('the first message: a topic is read, published to and acknowledged', async () => {
  const server = await startServer();
  const client = clientOf(server);
  const chat = client.topic<{ text: string }>('chat.42');
  const items: Item<{ text: string }>[] = [];
  const done = (async () => {
    for await (const item of chat) {
      items.push(item);
      if (item.kind === 'live') void chat.publish({ text: 'hello' });
      if (item.kind === 'message') return;
    }
  })();
  await within(done, 'the message');
  expect(items).toMatchObject([
    { kind: 'live', topic: 'chat.42', position: { sequence: 0 } },
    { kind: 'message', payload: { text: 'hello' }, from: 'alice', mine: true, sequence: 1, replayed: false },
  ]);
  expect(client.state).toMatchObject({ status: 'connected', node: 'test-node', isDraining: false });
});

test('a publish resolves with what the server stored', async () => {
  const server = await startServer();
  const client = clientOf(server);
  const first = await client.topic('chat.42').publish('one', { key: 'k' });
  expect(first).toMatchObject({ key: 'k', topic: 'chat.42', sequence: 1, duplicate: false, recipients: 0 });
  const again = await client.topic('chat.42').publish('one', { key: 'k' });
  expect(again).toMatchObject({ key: 'k', id: first.id, sequence: 1, duplicate: true });
  const refused = client.topic('chat.42').publish('two', { key: 'k' });
  await expect(refused).rejects.toMatchObject({ reason: 'idempotency_conflict', code: 409, temporary: false });
  expect(queueOf(client).entries()).toMatchObject([{ key: 'k', state: 'failed' }]);
  queueOf(client).clear();
  expect(queueOf(client).stats()).toMatchObject({ messages: 0, bytes: 0, failed: 0 });
});

test('many publishes at once keep their order', async () => {
  const server = await startServer();
  const [alice, bob] = [clientOf(server), clientOf(server, 'bob')];
  const reading = new Reading(bob.topic('chat.42'));
  await reading.live();
  const receipts = await Promise.all(Array.from({ length: 300 }, (_, at) => alice.topic('chat.42').publish(at)));
  expect(receipts.map(({ sequence }) => sequence)).toEqual(receipts.map((_, at) => at + 1));
  await reading.count(300);
  expect(reading.payloads).toEqual(receipts.map((_, at) => at));
  expect(reading.items.filter(({ kind }) => kind === 'gap')).toEqual([]);
});

test.each(['json', 'msgpack'])('%s: any JSON value arrives as it was', async (format) => {
  const server = await startServer();
  const client = clientOf(server, 'alice', format === 'msgpack' ? { codec: msgpack } : {});
  const reading = new Reading(client.topic('chat.42'));
  await reading.live();
  const payloads = [null, true, 0, -1.5, 2 ** 53 - 1, 'ü😀\n\u2028', [], {}, { a: [1, { b: 'c' }] }];
  for (const payload of payloads) await client.topic('chat.42').publish(payload);
  await reading.count(payloads.length);
  expect(reading.payloads).toEqual(payloads);
});

test('direct messages come as a topic of their own', async () => {
  const server = await startServer();
  const [alice, bob] = [clientOf(server), clientOf(server, 'bob')];
  const reading = new Reading(bob.direct);
  await reading.live();
  const receipt = await alice.send('bob', { text: 'psst' });
  await reading.count(1);
  expect(reading.items.at(-1)).toMatchObject({ topic: '@me', payload: { text: 'psst' }, from: 'alice', mine: false });
  expect(receipt.id).not.toBe('');
});

test('a topic that is refused says so to its reader, and the others go on', async () => {
  const server = await startServer({ 'topics.rules': '[]' }).catch(() => startServer());
  const client = clientOf(server);
  const good = new Reading(client.topic('chat.42'));
  const bad = new Reading(client.topic('not a topic'));
  await bad.until(({ errors }) => errors.length > 0, 'the refusal');
  await good.live();
  expect(bad.errors).toMatchObject([{ reason: 'invalid_topic', temporary: false }]);
  expect(client.topic('not a topic').state).toBe('rejected');
  const failed = client.topic('not a topic').items().next();
  const error: unknown = await failed.catch((problem: unknown) => problem);
  expect(isSignalboxError(error) && error.reason).toBe('invalid_topic');
});

test('a token that the server does not take ends it, with the reason', async () => {
  const server = await startServer();
  const client = clientOf(server, 'alice', { token: 'nonsense' });
  const error = (await client
    .topic('chat.42')
    .publish('x')
    .catch((problem: unknown) => problem)) as SignalboxError;
  expect(error.reason).toBe('closed');
  expect(client.state).toMatchObject({ status: 'closed', error: { reason: 'token_invalid' } });
});

test('the last messages of a topic that nobody has used yet: there are none, and none is lost', async () => {
  const server = await startServer();
  const reading = new Reading(clientOf(server).topic('chat.42'), { since: { last: 20 } });
  await reading.live();
  await clientOf(server, 'bob').topic('chat.42').publish('first');
  await reading.count(1);
  expect(reading.kinds).toEqual(['live', 'message']);
});
