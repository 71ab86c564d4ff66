/** What is told of connections: after the fact, and in order. */
import { beforeEach, expect, test } from 'vitest';
import { refusal } from '../protocol/errors.ts';
import type { ConnectionEvents, ConnectionFacts } from '../service/connection-events.ts';
import { registerOwners } from '../service/register-owners.ts';
import { TestOwner } from '../service/test-rig-owner.ts';
import { rightsChanged } from './recheck.ts';
import { TestRig } from './test-rig.ts';
import type { TestClient } from './test-rig-client.ts';

let rig: TestRig;
let client: TestClient;
let told: string[];

beforeEach(() => {
  rig = new TestRig();
  told = [];
  const tell = (what: string, { principal }: ConnectionFacts, about: string | number): void =>
    void told.push(`${principal.user} ${what} ${about}`);
  const events: ConnectionEvents = {
    connecting: null,
    connected: () => {},
    subscribed: (facts, topic) => tell('subscribed', facts, topic),
    unsubscribed: (facts, topic) => tell('unsubscribed', facts, topic),
    disconnected: (facts, code) => tell('disconnected', facts, code),
    published: ({ user }, topic, { position }) => void told.push(`${user} published ${topic} ${position?.sequence}`),
  };
  rig.context.events = events;
  client = rig.connect();
});

test('subscriptions are told when they begin and end, each once, and what a pattern brings is not', () => {
  client.subscribe('chat.a', 'room.*');
  client.subscribe('chat.a', 'chat.b');
  rig.publish('room.x');
  client.ask('Unsubscribe', { topics: ['chat.a', 'chat.never', 'room.*'] });
  expect(told).toEqual([
    'ada subscribed chat.a',
    'ada subscribed room.*',
    'ada subscribed chat.b',
    'ada unsubscribed chat.a',
    'ada unsubscribed room.*',
  ]);
});

test('what is refused is not told', () => {
  client.ask('Subscribe', { topics: ['secret.a', 'chat.a'] });
  client.ask('Broadcast', { topic: 'secret.a', payload: 1 });
  expect(told).toEqual(['ada subscribed chat.a']);
});

test('what claims or changed rights end is told as well', () => {
  const owner = new TestOwner({ decides: true });
  registerOwners(rig.context, owner);
  client.send('Subscribe', { topics: ['poll.1', 'chat.a', 'chat.b'] });
  owner.decide(null);
  rig.settle();
  rig.tokens.set('narrow', rig.principal('ada', { topics: { subscribe: ['poll.1', 'chat.a'], publish: [] } }));
  client.ask('Authenticate', { token: 'narrow' });
  rig.decisions.rightsChanged({ tenant: '' });
  rightsChanged(client.connection, { tenant: '' });
  owner.decide(refusal('not_allowed', 'over'));
  rig.settle();
  expect(told.slice(3)).toEqual(['ada unsubscribed chat.b', 'ada unsubscribed poll.1']);
});

test('publications are told with their place, repetitions are not', () => {
  for (let at = 0; at < 2; at += 1) client.ask('Broadcast', { topic: 'chat.a', payload: 1, idempotency_key: 'k' });
  client.ask('DirectMessage', { target_user: 'bob', payload: 1 });
  expect(told).toEqual(['ada published chat.a 1']);
});

test('the end is told last, with the code of the close frame', () => {
  client.subscribe('chat.a');
  client.connection.close('token_revoked', 'revoked');
  const bob = rig.connect('bob');
  bob.link.break();
  expect(told).toEqual(['ada subscribed chat.a', 'ada disconnected 4301', 'bob disconnected 1006']);
});

test('a listener that throws harms nobody: what it is told of has happened', () => {
  const fail = (): void => {
    throw new Error('PLANTED');
  };
  rig.context.events = {
    connecting: null,
    connected: fail,
    subscribed: fail,
    unsubscribed: fail,
    disconnected: fail,
    published: fail,
  };
  const bob = rig.connect('bob');
  expect(bob.ask('Subscribe', { topics: ['chat.a'] })).toMatchObject({ type: 'Status' });
  expect(bob.ask('Broadcast', { topic: 'chat.a', payload: 1 })).toMatchObject({ type: 'Ack' });
  rig.settle();
  expect(bob.frames.filter(({ type }) => type === 'Broadcast')).toHaveLength(1);
  expect(bob.ask('Unsubscribe', { topics: ['chat.a'] })).toMatchObject({ type: 'Status' });
  bob.link.break();
  expect(rig.connections.includes(bob.connection)).toBe(false);
  expect(rig.context.deadLetters.list().map(({ actor }) => actor)).toEqual(
    Array.from({ length: 4 }, () => 'connection-events'),
  );
});
