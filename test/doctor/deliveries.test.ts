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

test('a client that does not read, whose mailbox fills', async () => {
  const node = await start({ 'rate_limiting.enabled': 'false', 'actor_system.mailbox_capacity': '50' });
  const reader = await RawReader.open(node.port, 'slow');
  const publisher = await connect(node.port, { user: 'publisher' });
  await reader.ask('Subscribe', { topics: ['chat.big'] });
  reader.stopReading();
  const { blocked } = node.running.node.parts.context.backlog;
  // Until the buffers of the kernel are full.
  while (blocked.size === 0) await publisher.publish('chat.big', 'x'.repeat(60_000));
  const { line, cure } = await named('mailbox-overflow', { node: node.url });
  expect(line).toContain('1 of 2 clients');
  expect(cure).toContain('./signalbox connections --sort mailbox');
});

test('a message that was routed to a connection and is in none of its books', async () => {
  const node = await start();
  const client = await connect(node.port, { user: 'alice' });
  await client.subscribe('chat.lobby');
  await client.publish('chat.lobby', 'a text');
  await client.next('Broadcast');
  const [connection] = node.running.node.connections;
  const [subscription] = connection?.subscriptions ?? [];
  if (subscription === undefined) throw new Error('expected a subscription');
  // As if it had been lost on the way from the router to the socket.
  subscription.live -= 1;
  const { cure } = await named('deliveries-unaccounted', { node: node.url });
  expect(cure).toContain('./signalbox doctor bundle');
  subscription.live += 1;
});
