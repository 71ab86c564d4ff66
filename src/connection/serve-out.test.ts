/** What was published in the turn in which the server takes a right or the connection away was still the client's. */
import { beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../protocol/errors.ts';
import { registerOwners } from '../service/register-owners.ts';
import { TestOwner } from '../service/test-rig-owner.ts';
import { rightsChanged } from './recheck.ts';
import { closeServed } from './serve-out.ts';
import { TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';

const NO = refusal('not_allowed', 'the poll is over');
/** More than one write takes. */
const MANY = 250;

let rig: TestRig;
let client: TestClient;
let owner: TestOwner;

beforeEach(() => {
  rig = new TestRig({ limits: { mailboxCapacity: 1_000, maxMatchedTopics: 2 } });
  client = rig.connect();
  owner = new TestOwner({ decides: true });
  registerOwners(rig.context, owner);
});

function decide(problem: typeof NO | null): void {
  owner.decide(problem);
  rig.settle();
}

function subscribed(...topics: string[]): void {
  client.send('Subscribe', { topics });
  decide(null);
  client.take();
}

/** As node/operations.ts does, in the same turn. */
function changeRights(): void {
  rig.decisions.rightsChanged({ tenant: '', user: 'ada' });
  rightsChanged(client.connection, { tenant: '', user: 'ada' });
}

describe('rights that change in the turn of a publication', () => {
  test('do not take it back: it arrives before the client is told that the topic is over', () => {
    subscribed('poll.1');
    rig.store('poll.1', '"the last word"');
    changeRights();
    rig.store('poll.1', '"too late"');
    decide(NO);
    expect(flow(client.take())).toEqual(['poll.1 1', 'Status unsubscribed']);
    expect(rig.unaccounted()).toBe(0);
  });

  test('nor what more than one write takes, nor what waits for others to join it', () => {
    rig = new TestRig({ limits: { mailboxCapacity: 1_000 }, coalesceMs: 20 });
    client = rig.connect();
    registerOwners(rig.context, owner);
    subscribed('poll.1');
    rig.publish('poll.1');
    for (let at = 0; at < MANY; at += 1) rig.store('poll.1', '1');
    changeRights();
    decide(NO);
    expect(flow(client.take())).toEqual([...run('poll.1', 1, MANY + 1), 'Status unsubscribed']);
  });

  test('also a topic that a pattern brings', () => {
    subscribed('poll.*');
    rig.publish('poll.1');
    rig.store('poll.1', '2');
    rig.store('poll.2', '1');
    changeRights();
    decide(NO);
    expect(flow(client.take())).toEqual(['poll.1 1', 'poll.1 2', 'poll.2 1', 'Status unsubscribed']);
  });

  test('while a Subscribe is under way', () => {
    subscribed('poll.1');
    rig.broker.holds.add('retain');
    client.send('Subscribe', { topics: ['poll.2'] });
    decide(null);
    rig.store('poll.1', '1');
    changeRights();
    rig.broker.letGo();
    decide(NO);
    expect(flow(client.take())).toEqual(['poll.1 1', 'Status subscribed', 'Status unsubscribed']);
  });

  test('a client that does not read loses what its socket does not take, and no more', () => {
    subscribed('poll.1', 'chat.a');
    client.stop();
    for (const topic of ['poll.1', 'chat.a', 'poll.1', 'chat.a']) rig.publish(topic);
    changeRights();
    decide(NO);
    client.resume();
    expect(flow(client.take())).toEqual(['poll.1 1', 'Status unsubscribed', 'chat.a 1', 'chat.a 2']);
    expect(rig.unaccounted()).toBe(0);
  });

  test('a fault of delivery does not keep the right alive', () => {
    subscribed('poll.1');
    const send = client.link.send.bind(client.link);
    client.link.send = () => {
      client.link.send = send;
      throw new Error('a planted fault of the socket');
    };
    rig.store('poll.1', '1');
    changeRights();
    decide(NO);
    rig.publish('poll.1');
    expect(flow(client.take())).toEqual(['Status unsubscribed']);
    expect(rig.deadLetters.list()).toHaveLength(1);
  });
});

test('Authenticate with fewer rights does not take back what was published before it', () => {
  client.subscribe('chat.a', 'chat.b');
  rig.tokens.set('fewer', rig.principal('ada', { topics: { subscribe: ['chat.b'], publish: [] } }));
  for (const topic of ['chat.a', 'chat.b']) rig.store(topic, '1');
  client.send('Authenticate', { token: 'fewer' });
  rig.store('chat.a', '2');
  rig.settle();
  expect(flow(client.take())).toEqual(['chat.a 1', 'chat.b 1', 'Status authenticated']);
});

test('patterns that the server ends do not take back what they have brought', () => {
  client.subscribe('typing.*');
  for (const topic of ['typing.1', 'typing.2']) rig.publish(topic);
  client.take();
  rig.store('typing.1', '"before"');
  rig.store('typing.3', '"one too many"');
  rig.settle();
  expect(flow(client.take())).toEqual(['typing.1 before', 'Error topic_limit', 'Status unsubscribed']);
});

test.each(['banned', 'token_revoked', 'disconnected', 'draining'] as const)(
  'a connection that is closed as %s has what was published for it',
  (reason) => {
    client.subscribe('typing.1');
    for (let at = 1; at <= MANY; at += 1) rig.store('typing.1', String(at));
    closeServed(client.connection, reason, 'an operator');
    expect(flow(client.take())).toEqual(run('typing.1', 1, MANY));
    expect(client.link.closeReason).toBe(reason);
  },
);
