/** Decisions that take their time, seen from a socket: what waits for them, and what does not. */
import { beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../protocol/errors.ts';
import { registerOwners } from '../service/register-owners.ts';
import { TestOwner } from '../service/test-rig-owner.ts';
import { rightsChanged } from './recheck.ts';
import { TestRig } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';

const NO = refusal('not_allowed', 'the poll is over');
const TIMEOUT_SECS = 2;

let rig: TestRig;
let client: TestClient;
let owner: TestOwner;

beforeEach(() => {
  rig = new TestRig({ limits: { decisionTimeoutMs: TIMEOUT_SECS * 1_000 } });
  client = rig.connect();
  owner = new TestOwner({ decides: true });
  registerOwners(rig.context, owner);
});

function decide(problem: typeof NO | null): void {
  owner.decide(problem);
  rig.settle();
}

/** As node/operations.ts does. */
function changeRights(change: { readonly user?: string; readonly topic?: string }): void {
  rig.decisions.rightsChanged({ tenant: '', ...change });
  for (const connection of rig.connections) rightsChanged(connection, { tenant: '', ...change });
  rig.settle();
}

/** Subscribes, and the owner allows it. */
function subscribed(who: TestClient, ...topics: string[]): void {
  who.send('Subscribe', { topics });
  decide(null);
  who.take();
}

describe('a frame that waits for a decision', () => {
  test.each([
    ['Subscribe', { topics: ['poll.1'] }, 'Status subscribed'],
    ['Broadcast', { topic: 'poll.1', payload: 1 }, 'Ack delivered'],
    ['History', { topic: 'poll.1', limit: 1 }, 'Status history'],
    ['GetMissedMessages', { since: { 'poll.1': { epoch: 'x', sequence: 0 } } }, 'Status missed_messages'],
  ])('%s is answered when it has come', (type, data, answer) => {
    const id = client.send(type, data);
    rig.settle();
    expect(client.repliesTo(id)).toEqual([]);
    decide(null);
    expect(flow(client.repliesTo(id))).toEqual([answer]);
  });

  test('is refused when the owner says no', () => {
    const publish = client.send('Broadcast', { topic: 'poll.1', payload: 1 });
    decide(NO);
    expect(flow(client.repliesTo(publish))).toEqual(['Error not_allowed']);
    const subscribe = client.send('Subscribe', { topics: ['chat.a', 'poll.1'] });
    decide(NO);
    expect(client.repliesTo(subscribe)[0]?.data).toMatchObject({
      details: { topics: ['chat.a'], rejected: [{ topic: 'poll.1', code: 403, reason: 'not_allowed' }] },
    });
  });

  test('keeps the frames after it waiting, and nobody else', () => {
    const bob = rig.connect('bob');
    const ids = [
      client.send('Broadcast', { topic: 'poll.1', payload: 1 }),
      client.send('Broadcast', { topic: 'chat.a', payload: 2 }),
      client.send('Unsubscribe', { topics: ['poll.1'] }),
      client.send('Ping'),
    ];
    rig.settle();
    expect(client.take()).toEqual([]);
    expect(bob.ask('Broadcast', { topic: 'chat.a', payload: 3 }).type).toBe('Ack');
    decide(null);
    expect(client.take().map(({ reply_to: id }) => id)).toEqual(ids);
  });

  test('messages of one sender keep their order, asked for or not', () => {
    const bob = rig.connect('bob');
    subscribed(bob, 'poll.1', 'poll.2');
    for (const [topic, payload] of [
      ['poll.1', 1],
      ['poll.1', 2],
    ] as const)
      client.send('Broadcast', { topic, payload });
    decide(null);
    expect(bob.take().map(({ data }) => data['payload'])).toEqual([1, 2]);
  });

  test('is refused as temporary when the answer never comes, and the connection goes on', () => {
    const subscribe = client.send('Subscribe', { topics: ['poll.1', 'chat.a'] });
    rig.pass(TIMEOUT_SECS);
    expect(client.repliesTo(subscribe)[0]?.data).toMatchObject({
      details: {
        topics: ['chat.a'],
        rejected: [
          { topic: 'poll.1', code: 503, reason: 'rights_unavailable', temporary: true, retry_after_ms: 1_000 },
        ],
      },
    });
    const publish = client.send('Broadcast', { topic: 'poll.1', payload: 1 });
    rig.pass(TIMEOUT_SECS);
    expect(client.repliesTo(publish)[0]?.data).toMatchObject({ code: 503, temporary: true, retry_after_ms: 1_000 });
    decide(null);
    expect(client.ask('Ping').type).toBe('Pong');
    rig.publish('poll.1');
    expect(flow(client.frames)).not.toContain('poll.1 1');
  });

  test('does nothing for a connection that has closed meanwhile', () => {
    client.send('Subscribe', { topics: ['poll.1'] });
    client.link.break();
    decide(null);
    expect(rig.context.router.recipients('poll.1')).toBe(0);
    const bob = rig.connect('bob');
    bob.send('Broadcast', { topic: 'poll.1', payload: 1 });
    bob.connection.close('token_revoked', 'revoked');
    decide(null);
    expect(rig.broker.calls.publish).toBe(0);
  });

  test('in read-only mode that has begun meanwhile is refused', () => {
    const id = client.send('Broadcast', { topic: 'poll.1', payload: 1 });
    rig.node.isReadOnly = true;
    decide(null);
    expect(flow(client.repliesTo(id))).toEqual(['Error read_only']);
  });
});

describe('rights that change', () => {
  test('end the subscription that is not allowed any more, which is told why; others stay', () => {
    const bob = rig.connect('bob');
    for (const each of [client, bob]) subscribed(each, 'poll.1', 'chat.a');
    changeRights({ user: 'ada', topic: 'poll.1' });
    expect(owner.asked.map(({ who }) => who)).toEqual(['ada subscribe poll.1']);
    decide(NO);
    expect(client.take()).toEqual([
      {
        type: 'Status',
        data: {
          status: 'unsubscribed',
          details: {
            topics: ['poll.1'],
            active_subscriptions: 1,
            rejected: [
              { topic: 'poll.1', code: 403, reason: 'not_allowed', message: 'the poll is over', temporary: false },
            ],
          },
        },
      },
    ]);
    rig.publish('poll.1');
    rig.publish('chat.a');
    expect(flow(client.take())).toEqual(['chat.a 1']);
    expect(flow(bob.take())).toEqual(['poll.1 1', 'chat.a 1']);
    expect(rig.unaccounted()).toBe(0);
  });

  test('what is published until it is decided waits: it is delivered after a yes, and never after a no', () => {
    const bob = rig.connect('bob');
    for (const each of [client, bob]) subscribed(each, 'poll.1');
    changeRights({ topic: 'poll.1' });
    rig.publish('poll.1');
    expect(client.take()).toEqual([]);
    const [first, second] = owner.asked.splice(0);
    first?.reply(null);
    second?.reply(NO);
    rig.settle();
    expect(flow(client.take())).toEqual(['poll.1 1']);
    expect(flow(bob.take())).toEqual(['Status unsubscribed']);
    expect(rig.unaccounted()).toBe(0);
  });

  test('a pattern is asked for as well, and what it brings meanwhile waits too', () => {
    subscribed(client, 'poll.*');
    changeRights({ user: 'ada', topic: 'poll.7' });
    rig.publish('poll.7');
    expect(client.take()).toEqual([]);
    decide(NO);
    expect(flow(client.take())).toEqual(['Status unsubscribed']);
    rig.publish('poll.7');
    expect(client.take()).toEqual([]);
  });

  test('without an answer the subscription ends: what is not decided is not allowed', () => {
    subscribed(client, 'poll.1');
    changeRights({ user: 'ada' });
    rig.pass(TIMEOUT_SECS);
    expect(client.take()[0]?.data).toMatchObject({ details: { rejected: [{ reason: 'rights_unavailable' }] } });
  });

  test('while a Subscribe is under way are looked at when it is answered', () => {
    rig.broker.holds.add('retain');
    client.send('Subscribe', { topics: ['poll.1'] });
    decide(null);
    changeRights({ user: 'ada' });
    rig.broker.letGo();
    rig.settle();
    rig.publish('poll.1');
    expect(flow(client.take())).toEqual(['Status subscribed']);
    decide(NO);
    expect(flow(client.take())).toEqual(['Status unsubscribed']);
  });

  test('an answer to GetMissedMessages that is under way gives no more of the topic', () => {
    rig.publish('poll.1', 3);
    rig.broker.holds.add('read');
    const id = client.send('GetMissedMessages', { since: { 'poll.1': { ...rig.position('poll.1'), sequence: 0 } } });
    decide(null);
    changeRights({ user: 'ada' });
    rig.broker.letGo();
    rig.settle();
    expect(flow(client.take())).toEqual(['Status missed_messages']);
    expect(client.repliesTo(id)[0]?.data).toMatchObject({
      details: { count: 0, complete: false, topics: { 'poll.1': { reason: 'rights_unavailable' } } },
    });
  });

  test('a decision of before that is still under way counts for nothing', () => {
    client.send('Subscribe', { topics: ['poll.1'] });
    const [stale] = owner.asked.splice(0);
    changeRights({ user: 'ada' });
    stale?.reply(null);
    rig.settle();
    expect(client.take()).toEqual([]);
    decide(NO);
    expect(client.take()[0]?.data).toMatchObject({ details: { topics: [] } });
  });

  test('a client that has unsubscribed meanwhile is told nothing', () => {
    subscribed(client, 'poll.1');
    changeRights({ user: 'ada' });
    client.ask('Unsubscribe', { topics: ['poll.1'] });
    client.take();
    decide(NO);
    expect(client.take()).toEqual([]);
  });

  test('a fault while it is asked ends what nobody has allowed', () => {
    subscribed(client, 'poll.1');
    registerOwners(rig.context, {
      of: () => {
        throw new Error('a fault of the part that knows the owners');
      },
      overlapping: () => [],
    });
    changeRights({ user: 'ada' });
    expect(client.take()[0]?.data).toMatchObject({
      details: { topics: ['poll.1'], rejected: [{ reason: 'internal' }] },
    });
    expect(rig.deadLetters.list()).toHaveLength(1);
  });
});

describe('Authenticate', () => {
  test('is answered when all is decided for the new claims', () => {
    subscribed(client, 'poll.1', 'poll.2', 'chat.a');
    rig.tokens.set('guest', rig.principal('ada', { roles: ['user', 'guest'] }));
    const id = client.send('Authenticate', { token: 'guest' });
    const ping = client.send('Ping');
    rig.settle();
    expect(client.take()).toEqual([]);
    const [one, two] = owner.asked.splice(0);
    one?.reply(NO);
    two?.reply(null);
    rig.settle();
    expect(client.repliesTo(id)[0]?.data).toMatchObject({ details: { unsubscribed: ['poll.1'] } });
    expect(client.repliesTo(ping)).toHaveLength(1);
  });
});
