/** The owner of a topic decides who may be present in it, who may see the members, and who may count them. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Host, MaybePromise } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { connect, type Client } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const T = 'room.1';
const ALIAS = `@presence.${T}`;
const SETTINGS = {
  'topics.rules': '[{"pattern":"room.**","presence":"user","presence_enter":["nobody"],"presence_read":["nobody"]}]',
  'presence.batch_ms': '10',
  'rate_limiting.enabled': 'false',
  'apps.decision_timeout_ms': '300',
};

/** What the owner is asked, `ada presence.enter room.1`, and what it says: no, where it was told nothing. */
let asked: string[];
let answers: Map<string, MaybePromise<boolean>>;
let host: Host;

function start(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const rooms = appOf('rooms', (given) => {
    host = given;
    return {
      topics: [
        {
          pattern: 'room.*',
          mayAct: ({ user }, action, topic) => {
            asked.push(`${user} ${action} ${topic}`);
            return answers.get(`${user} ${action}`) ?? answers.get(action) ?? false;
          },
        },
      ],
    };
  });
  return startServer({ ...SETTINGS, ...settings }, [rooms]);
}

beforeEach(() => {
  asked = [];
  answers = new Map();
});

const enter = (client: Client, topic = T) => client.ask('Presence', { topic, action: 'enter' });

/** What a client is told of a topic: members, only their number, or the reason why nothing. */
async function seen(client: Client): Promise<unknown> {
  const { type, data } = await client.ask('PresenceGet', { topic: T });
  if (type === 'Error') return data.reason;
  const { count, members } = data.details as { readonly count: number; readonly members?: readonly { user: string }[] };
  return members?.map(({ user }) => user) ?? count;
}

test('it decides instead of the roles of the rule, on each of the three', async () => {
  const { port } = await start();
  answers.set('ada presence.enter', true).set('ada presence.read', true).set('bob presence.count', true);
  const [ada, bob, eve] = await Promise.all([
    connect(port, { user: 'ada' }),
    connect(port, { user: 'bob' }),
    connect(port, { user: 'eve' }),
  ]);
  expect(await enter(ada)).toMatchObject({ data: { details: { user: 'ada', count: 1 } } });
  expect(await enter(bob)).toMatchObject({ type: 'Error', data: { reason: 'not_allowed' } });
  expect([await seen(ada), await seen(bob), await seen(eve)]).toEqual([['ada'], 1, 'not_allowed']);
  expect((await ada.subscribe(ALIAS)).topics).toEqual([ALIAS]);
  expect((await bob.subscribe(ALIAS)).rejected).toMatchObject([{ topic: ALIAS, reason: 'not_allowed' }]);
  const { data } = await bob.ask('PresenceGet', { topics: [T, 'room.2'] });
  expect(data.details).toEqual({ counts: { [T]: 1, 'room.2': 0 }, rejected: [] });
  // The right to see the members is a right to count them.
  expect((await ada.ask('PresenceGet', { topics: [T] })).data.details).toMatchObject({ counts: { [T]: 1 } });
  expect(asked.filter((question) => question === 'ada presence.read room.1')).toHaveLength(1);
});

test('a token narrows what the owner allows, and topics without presence are not asked about', async () => {
  const { port } = await start({ 'topics.rules': '[{"pattern":"room.1","presence":"user"}]' });
  answers.set('presence.enter', true);
  const narrowed = await connect(port, { user: 'ada', claims: { topics: { subscribe: ['chat.**'], publish: [] } } });
  expect((await enter(narrowed)).data).toMatchObject({ reason: 'not_allowed', details: { because: 'token' } });
  const open = await connect(port, { user: 'ada' });
  expect((await enter(open, 'room.2')).data).toMatchObject({ reason: 'not_allowed', details: { because: 'no_rule' } });
  expect(asked).toEqual([]);
});

test('backends are asked about as well', async () => {
  const { url } = await start();
  const get = async (): Promise<unknown> => {
    const headers = { authorization: `Bearer ${await tokenOf('backend', { roles: ['service'] })}` };
    const response = await fetch(`${url}/api/topics/${T}/presence`, { headers });
    return [response.status, await response.json()];
  };
  expect(await get()).toMatchObject([403, { error: { reason: 'not_allowed' } }]);
  answers.set('backend presence.read', true);
  await host.rightsChanged({ user: 'backend' });
  expect(await get()).toMatchObject([200, { count: 0, members: [] }]);
});

describe('a decision that takes its time', () => {
  test('keeps the frames after it waiting, and nobody else', async () => {
    const { port } = await start();
    let decide: (answer: boolean) => void = () => {};
    answers.set('ada presence.enter', new Promise((resolve) => (decide = resolve)));
    const [ada, bob] = await Promise.all([connect(port, { user: 'ada' }), connect(port, { user: 'bob' })]);
    const entering = enter(ada);
    const leaving = ada.ask('Presence', { topic: T, action: 'leave' });
    await bob.ask('Ping', {});
    expect(ada.frames.some(({ reply_to }) => reply_to !== undefined)).toBe(false);
    decide(true);
    expect([(await entering).data.details, (await leaving).data.details]).toMatchObject([
      { action: 'enter' },
      { action: 'leave' },
    ]);
    answers.set('presence.count', true);
    await host.rightsChanged({ topic: T });
    expect(await seen(bob)).toBe(0);
  });

  test('and never comes is a refusal for now, never a lesser right', async () => {
    const { port } = await start();
    const never = new Promise<boolean>(() => {});
    answers.set('presence.enter', never).set('presence.read', never).set('presence.count', true);
    const client = await connect(port, { user: 'ada' });
    expect((await enter(client)).data).toMatchObject({ reason: 'rights_unavailable', temporary: true });
    expect(await seen(client)).toBe('rights_unavailable');
  });

  test('enters nobody whose connection has gone meanwhile', async () => {
    const { port, running } = await start();
    let decide: (answer: boolean) => void = () => {};
    answers.set('ada presence.enter', new Promise((resolve) => (decide = resolve)));
    const ada = await connect(port, { user: 'ada' });
    ada.send('Presence', { topic: T, action: 'enter' });
    await eventually(() => asked.length === 1, 'the question');
    await ada.close();
    await eventually(() => running.node.connections.length === 0, 'the node to notice');
    decide(true);
    answers.set('presence.count', true);
    expect(await seen(await connect(port, { user: 'bob' }))).toBe(0);
    expect(running.node.parts.context.presence?.presence.topicCount).toBe(0);
  });
});

describe.each([
  ['the user', () => ({ user: 'ada' })],
  ['the topic', () => ({ topic: T })],
  ['a pattern', () => ({ topic: 'room.*' })],
])('rights that the owner takes away, told by %s,', (_, change) => {
  test('end presence and the subscription to it, and nobody else notices', async () => {
    const { port } = await start();
    answers.set('presence.enter', true).set('presence.read', true);
    const [ada, bob] = await Promise.all([connect(port, { user: 'ada' }), connect(port, { user: 'bob' })]);
    await ada.subscribe(ALIAS);
    await bob.subscribe(ALIAS);
    await enter(bob);
    await enter(ada);
    expect((await bob.take(2)).map(({ data }) => (data.payload as { count: number }).count)).toEqual([1, 2]);
    answers.set('ada presence.enter', false).set('ada presence.read', false);
    await host.rightsChanged(change());
    expect((await bob.next('Broadcast')).data.payload).toEqual({
      changes: [{ op: 'leave', user: 'ada', reason: 'not_allowed' }],
      count: 1,
    });
    await eventually(() => ada.frames.some(({ data }) => data.status === 'unsubscribed'), 'ada to be told');
    const told = ada.frames.filter(({ data, reply_to }) => data.status === 'presence' && reply_to === undefined);
    expect(told.map(({ data }) => data.details)).toEqual([
      { topic: T, user: 'ada', action: 'leave', reason: 'not_allowed' },
    ]);
    expect(await seen(ada)).toBe('not_allowed');
    expect(await seen(bob)).toEqual(['bob']);
    expect(bob.frames.some(({ data }) => data.status === 'unsubscribed')).toBe(false);
  });
});

test('a member without any subscription is found by the topic', async () => {
  const { port } = await start();
  answers.set('presence.enter', true).set('presence.count', true);
  const ada = await connect(port, { user: 'ada' });
  await enter(ada);
  answers.set('presence.enter', false);
  await host.rightsChanged({ topic: T });
  await eventually(async () => (await seen(ada)) === 0, 'ada to be gone');
});
