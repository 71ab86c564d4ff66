/** Presence in the client library against real nodes. */
import { expect, test } from 'vitest';
import type { Client } from '../../src/client/index.ts';
import { presenceOf, type Presence } from '../../src/client/presence/index.ts';
import { overHttp } from '../../src/client/sse/index.ts';
import { eventually } from '../harness/deadline.ts';
import { Gateway } from '../harness/gateway.ts';
import { startServer } from '../harness/server.ts';
import { clientOf } from './rig.ts';

const SETTINGS = {
  'topics.rules': '[{"pattern":"chat.**","presence":"user"}]',
  'presence.batch_ms': '20',
  'rate_limiting.enabled': 'false',
};

function read(presence: Presence): () => string {
  presence.subscribe(() => {});
  return () => {
    const { members, status } = presence.getSnapshot();
    const moods = members.map(({ user, data }) => `${user} ${String(data['mood'])}`);
    return `${status} ${moods.sort().join()}`;
  };
}

test('clients come, change and go, and a connection that is cut is nobody’s departure', async () => {
  const server = await startServer(SETTINGS);
  const [ada, bob, reader] = ['ada', 'bob', 'reader'].map((user) => presenceOf(clientOf(server, user), 'chat.42'));
  const seen = read(reader as Presence);
  const left: string[] = [];
  reader?.onChange(({ op, user }) => (op === 'leave' ? left.push(user) : undefined));
  await ada?.enter({ mood: 'well' });
  await bob?.enter({ mood: 'well' });
  await bob?.update({ mood: 'tired' });
  await eventually(() => seen() === 'live ada well,bob tired', `both, not ${seen()}`);
  for (const connection of server.running.node.connections) connection.transport?.terminate();
  await bob?.update({ mood: 'awake' });
  await eventually(() => seen() === 'live ada well,bob awake', `the update, not ${seen()}`);
  expect([left, await reader?.count()]).toEqual([[], 2]);
  await ada?.leave();
  await eventually(() => seen() === 'live bob awake', `one, not ${seen()}`);
  expect(left).toEqual(['ada']);
});

test('without WebSocket one can see who is there; over streams one can be there, over polls one is told that one cannot', async () => {
  const server = await startServer({ ...SETTINGS, 'presence.grace_secs': '2' });
  const gateway = await Gateway.start(() => server.port);
  gateway.upgrades = 'refuse';
  const told: string[] = [];
  const witness = presenceOf(clientOf(server, 'ada'), 'chat.42');
  await witness.enter({ mood: 'well' });
  witness.onChange(({ op, user }) => void told.push(`${op} ${user}`));
  const over = (transport: 'sse' | 'poll'): Client =>
    clientOf(gateway.port, transport, { fallback: overHttp({ transports: [transport] }) });
  const polling = presenceOf(over('poll'), 'chat.42');
  const seen = read(polling);
  await eventually(() => seen() === 'live ada well', `ada, not ${seen()}`);
  await expect(polling.enter()).rejects.toMatchObject({ reason: 'unsupported' });

  const streaming = over('sse');
  const presence = presenceOf(streaming, 'chat.42');
  await presence.enter({ mood: 'fine' });
  await presence.update({ mood: 'tired' });
  // Another topic is another stream, and so is a stream that breaks: neither is a departure.
  streaming.topic('chat.43').on({ message: () => {}, gap: () => {} });
  await eventually(() => seen() === 'live ada well,sse tired', `both, not ${seen()}`);
  for (const connection of server.running.node.connections)
    if (connection.principal.user === 'sse') connection.transport?.terminate();
  await presence.update({ mood: 'awake' });
  await eventually(() => seen() === 'live ada well,sse awake', `awake, not ${seen()}`);
  await expect(presenceOf(streaming, 'open.1').enter()).rejects.toMatchObject({ reason: 'not_allowed' });
  // The server refuses a whole stream for it, and the next one is asked for without it.
  await expect(presenceOf(streaming, 'chat.44').enter('no object' as never)).rejects.toMatchObject({ code: 400 });
  await presenceOf(streaming, 'chat.45').enter();
  await presence.leave();
  await eventually(() => seen() === 'live ada well', `ada alone, not ${seen()}`);
  expect(told.filter((change) => !change.startsWith('update'))).toEqual(['enter sse', 'leave sse']);
});
