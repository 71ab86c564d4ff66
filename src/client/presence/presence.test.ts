/** The members of a topic, as the library keeps them; on virtual time. */
import { expect, test } from 'vitest';
import { rig, type Rig } from '../test-rig.ts';
import { presenceOf, type Presence } from './index.ts';

interface Room extends Rig {
  readonly presence: Presence;
  readonly told: string[];
  readonly stop: () => void;
  readonly users: () => string[];
}

function room(options: Parameters<typeof rig>[0] = {}): Room {
  const world = rig(options);
  const presence = presenceOf(world.client, 'chat');
  const told: string[] = [];
  const stop = presence.subscribe(() => told.push(presence.getSnapshot().status));
  presence.onChange(({ op, user }) => told.push(`${op} ${user}`));
  const users = (): string[] => presence.getSnapshot().members.map(({ user }) => user);
  return { ...world, presence, told, stop, users };
}

test('first who is there, then who comes and goes', async () => {
  const { server, pass, presence, told, users } = room();
  server.presence.enter('chat', 'ada', { mood: 'well' });
  await pass(100);
  expect([users(), presence.getSnapshot().status]).toEqual([['ada'], 'live']);
  server.presence.enter('chat', 'bob');
  server.presence.enter('chat', 'ada', { mood: 'tired' });
  server.presence.leave('chat', 'bob');
  await pass(100);
  expect(presence.getSnapshot()).toMatchObject({ count: 1, members: [{ user: 'ada', data: { mood: 'tired' } }] });
  expect(told).toEqual(['live', 'live', 'enter bob', 'live', 'update ada', 'live', 'leave bob']);
});

test('a change that comes while the pages are read is neither lost nor applied twice', async () => {
  const { server, pass, users, told } = room({ server: { latencyMs: 20 } });
  for (let at = 0; at < 700; at += 1) server.presence.enter('chat', `user${at}`);
  server.presence.threshold = 10_000;
  // Connected after 40 ms, subscribed after 80, the first page is under way until 120.
  await pass(90);
  server.presence.leave('chat', 'user1');
  server.presence.enter('chat', 'late');
  server.presence.leave('chat', 'user600');
  await pass(200);
  expect([users().length, users().includes('late'), users().includes('user600')]).toEqual([699, true, false]);
  expect(told.filter((text) => text === 'enter late').length).toBeLessThan(2);
});

test('after a gap, and after a time in which only numbers were told, the pages are read again', async () => {
  const { server, pass, presence, users } = room();
  server.presence.threshold = 3;
  for (const user of ['ada', 'bob']) server.presence.enter('chat', user);
  await pass(100);
  server.presence.enter('chat', 'eve');
  await pass(100);
  expect(presence.getSnapshot()).toMatchObject({ count: 3, members: [], status: 'counting' });
  server.presence.leave('chat', 'ada');
  await pass(100);
  expect([users(), presence.getSnapshot().status]).toEqual([['bob', 'eve'], 'live']);
  server.cut();
  server.presence.enter('chat', 'fay');
  server.loseHistory('@presence.chat');
  await pass(2_000);
  expect([users(), presence.getSnapshot().status]).toEqual([['bob', 'eve', 'fay'], 'live']);
});

test('one who has entered is there again on the next connection, with the newest data, until it leaves', async () => {
  const { server, pass, presence } = room();
  const entered = presence.enter({ mood: 'well' });
  await pass(100);
  await entered;
  const updated = presence.update({ mood: 'tired' });
  await pass(100);
  await updated;
  server.cut();
  await pass(2_000);
  const said = server.frames('Presence').map(({ data }) => [data['action'], data['data']]);
  expect(said).toEqual([
    ['enter', { mood: 'well' }],
    ['enter', { mood: 'tired' }],
    ['enter', { mood: 'tired' }],
  ]);
  await pass(20_000);
  expect(server.presence.members('chat')).toEqual(['me']);
  const left = presence.leave();
  await pass(100);
  await left;
  server.cut();
  await pass(2_000);
  expect([server.presence.members('chat'), server.frames('Presence').length]).toEqual([[], 4]);
});

test('an answer that is lost with its connection, and a refusal for a time, are tried again', async () => {
  const { server, pass, presence } = room();
  server.fail('Presence', 'unstored');
  server.fail('PresenceGet', 'rate_limited', 2, 500);
  const entered = presence.enter();
  await pass(100);
  server.fail('Presence', 'rate_limited', 1, 500);
  server.cut();
  await pass(5_000);
  await entered;
  expect([server.presence.members('chat'), presence.getSnapshot().status]).toEqual([['me'], 'live']);
});

test('a refusal for good is told where it can be seen, and nothing is tried again', async () => {
  const { server, pass, presence } = room();
  server.reject('@presence.chat', 'not_allowed');
  server.fail('Presence', 'not_allowed');
  const refusal = expect(presence.enter()).rejects.toMatchObject({ reason: 'not_allowed' });
  await pass(100);
  await refusal;
  server.cut();
  await pass(5_000);
  expect(presence.getSnapshot()).toMatchObject({ status: 'refused', error: { reason: 'not_allowed' } });
  expect(server.frames('Presence')).toHaveLength(1);
  await expect(presence.update({})).rejects.toMatchObject({ reason: 'not_found' });
});

test('the number alone is asked for once', async () => {
  const { server, pass, presence } = room();
  for (const user of ['ada', 'bob']) server.presence.enter('chat', user);
  const count = presence.count();
  await pass(100);
  expect(await count).toBe(2);
});

test('a client that is closed leaves no timer behind', async () => {
  const { server, pass, presence, client } = room();
  await pass(100);
  presence.enter().catch(() => {});
  await pass(100);
  await client.close();
  await pass(40_000);
  expect(server.timers).toBe(0);
});
