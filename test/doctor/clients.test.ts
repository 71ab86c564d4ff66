/** Clients that hold too much, fall silent, send what is refused, or are not let in: what doctor says of each. */
import { expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect, dial } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { findingsOf } from '../harness/patient.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';
import { costClients } from '../../src/doctor/checks/cost/clients.ts';
import { LIMIT_CHECKS } from '../../src/doctor/checks/limits/all.ts';
import { tokenOf } from '../harness/tokens.ts';

function start(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return startServer({ 'admin.token': ADMIN_TOKEN, ...settings });
}

test('an application that subscribes for every view and never unsubscribes', async () => {
  const node = await start();
  const others = await Promise.all(['bob', 'eve'].map((user) => connect(node.port, { user })));
  for (const other of others) await other.subscribe('chat.lobby', 'chat.news');
  expect(await findingsOf(costClients, { url: node.url })).toMatchObject([{ level: 'ok' }]);
  const alice = await connect(node.port, { user: 'alice' });
  for (let view = 0; view < 60; view += 1) await alice.subscribe(`chat.view-${view}`);
  const { line, cure } = await named('client-subscriptions', { node: node.url });
  expect(line).toContain('a client of alice holds 60 subscriptions');
  expect(cure).toContain(`connections show ${alice.connected.connection_id}`);
});

test('an application that connects for every view and never closes', async () => {
  const node = await start();
  for (const user of ['bob', 'eve']) await connect(node.port, { user });
  for (let view = 0; view < 12; view += 1) await connect(node.port, { user: 'alice' });
  const { line, cure } = await named('client-connections', { node: node.url });
  expect(line).toContain('alice holds 12 connections, the user in the middle 1');
  expect(cure).toContain('./signalbox connections --user alice');
});

test('a client whose process hangs: nothing comes from it, not even a pong', async () => {
  const node = await start({ 'websocket.heartbeat_interval_secs': '1', 'websocket.client_timeout_secs': '5' });
  const hung = await connect(node.port, { user: 'mallory', autoPong: false });
  const alive = await connect(node.port, { user: 'bob' });
  for (let second = 0; second < 8 && !hung.isClosed; second += 1) {
    node.beat();
    await alive.ask('Ping', {});
  }
  expect((await within(hung.closed, 'the close')).code).toBe(4105);
  await named('client-hangs', { node: node.url });
});

test('a message that is a little too large, and one without the right', async () => {
  const node = await start({ 'websocket.max_message_size': '2000', 'topics.rules': '[{"pattern":"chat.**"}]' });
  const client = await connect(node.port, { user: 'mallory' });
  expect((await client.publish('chat.lobby', 'x'.repeat(3_000))).data).toMatchObject({ reason: 'payload_too_large' });
  const { cure } = await named('message-over-limit', { node: node.url });
  expect(cure).toContain('websocket.max_message_size');
  const token = await tokenOf('eve', { claims: { topics: { subscribe: ['chat.**'] } } });
  const reader = await connect(node.port, { token });
  expect((await reader.publish('chat.lobby', 1)).data).toMatchObject({ reason: 'not_allowed' });
  await named('not-allowed', { node: node.url });
});

test('clients that come again and again with a token that has expired', async () => {
  const node = await start();
  await connect(node.port, { user: 'bob' });
  const exp = Math.floor(Date.now() / 1_000) - 3_600;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const client = await dial(node.port, { claims: { iat: exp - 60, exp } });
    await within(client.closed, 'the refusal');
  }
  const { line, cure } = await named('handshakes-refused', { node: node.url });
  expect(line).toContain('3 of 4 handshakes were refused: token_expired');
  expect(cure).toContain('fetch a new token');
});

test('none of it is said of clients that do well', async () => {
  const node = await start();
  const client = await connect(node.port, { user: 'alice' });
  await client.subscribe('chat.lobby');
  await client.publish('chat.lobby', 'a text');
  for (const check of LIMIT_CHECKS)
    for (const { level, says } of await findingsOf(check, { url: node.url }))
      expect([says, level]).toEqual([says, 'ok']);
});
