/** Messages that somebody lacks: not subscribed, not read, gone from the log, and what the books do not explain. */
import { expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { RawReader } from '../harness/raw-reader.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';

function start(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return startServer({ 'admin.token': ADMIN_TOKEN, ...settings });
}

test('losses that clients were told of', async () => {
  const node = await start();
  const client = await connect(node.port, { user: 'alice' });
  await client.publish('chat.lobby', 'a text');
  await client.subscribe({ topic: 'chat.lobby', epoch: 'another', sequence: 5 });
  await client.next('Gap');
  const { line } = await named('messages-missing', { node: node.url });
  expect(line).toMatch(/1 times a client was told that it missed messages \(Gap, cause \w+\)/);
});

test('a user who is connected and did not subscribe', async () => {
  const node = await start({ 'trace.topics': 'chat.**' });
  const alice = await connect(node.port, { user: 'alice' });
  await connect(node.port, { user: 'bob' });
  const { data } = await alice.publish('chat.lobby', 'a text');
  await named('not-subscribed', { node: node.url, values: { MESSAGE_ID: data.id } });
});

/** A client that reads nothing of `chat.big`, whose buffers of the kernel are full. */
async function stuckReader({ port, running }: TestServer) {
  const reader = await RawReader.open(port, 'slow');
  const publisher = await connect(port, { user: 'publisher' });
  await reader.ask('Subscribe', { topics: ['chat.big'] });
  reader.stopReading();
  const { blocked } = running.node.parts.context.backlog;
  // Until the buffers of the kernel are full.
  while (blocked.size === 0) await publisher.publish('chat.big', 'x'.repeat(60_000));
  return { reader, publisher };
}

test('a client that does not read, whose mailbox fills', async () => {
  const node = await start({ 'rate_limiting.enabled': 'false', 'actor_system.mailbox_capacity': '50' });
  await stuckReader(node);
  const { line, cure } = await named('mailbox-overflow', { node: node.url });
  expect(line).toContain('1 of 2 clients');
  expect(cure).toContain('./signalbox connections --sort mailbox');
});

test('messages that are written long after they came', async () => {
  const node = await start({ 'rate_limiting.enabled': 'false' });
  const { reader, publisher } = await stuckReader(node);
  for (let count = 0; count < 5; count += 1) await publisher.publish('chat.big', 'it waits');
  await new Promise((resolve) => {
    setTimeout(resolve, 1_100);
  });
  reader.readOn();
  await reader.waitFor(({ data }) => data['payload'] === 'it waits', 'what waited');
  const { line, cure } = await named('messages-late', { node: node.url });
  expect(line).toMatch(/one message in a hundred took \d{4,} ms/);
  expect(cure).toContain('signalbox_publish_to_write_seconds');
});

test('a message to a user who is not there', async () => {
  const node = await start({ 'trace.topics': '@user:bob' });
  const alice = await connect(node.port, { user: 'alice' });
  const { data } = await alice.ask('DirectMessage', { target_user: 'bob', payload: 'a text' });
  await named('direct-not-there', { node: node.url, values: { MESSAGE_ID: data.id } });
});

test('a message that a fault of the server loses on its way to a socket', async () => {
  const node = await start();
  const [client, other] = [await connect(node.port, { user: 'alice' }), await connect(node.port, { user: 'bob' })];
  for (const each of [client, other]) await each.subscribe('chat.lobby');
  const connection = node.running.node.connections.find(({ principal }) => principal.user === 'alice');
  if (connection === undefined) throw new Error('expected a connection');
  // The node counts the message as routed and forgets it, as it would by an error in its own code.
  const queued = connection.queued.bind(connection);
  connection.queued = (subscription, count) => {
    connection.queued = queued;
    subscription.written += count;
  };
  for (const text of ['one', 'two', 'three']) await other.publish('chat.lobby', text);
  const heard = [await client.next('Broadcast'), await client.next('Broadcast')];
  expect(heard.map(({ data }) => data.payload)).toEqual(['two', 'three']);
  const { line, cure } = await named('deliveries-unaccounted', { node: node.url });
  expect(line).toContain('do not explain');
  expect(cure).toContain('./signalbox doctor bundle');
  // The harness holds at the end of each test that there is none.
  const [subscription] = connection.subscriptions;
  if (subscription === undefined) throw new Error('expected a subscription');
  subscription.live += 1;
});
