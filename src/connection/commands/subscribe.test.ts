import { beforeEach, describe, expect, test } from 'vitest';
import type { Position } from '../../protocol/position.ts';
import { directTopic } from '../../protocol/topic.ts';
import { TestRig } from '../test-rig.ts';
import { flow, run, type TestClient } from '../test-rig-client.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}): void {
  rig = new TestRig(options);
  client = rig.connect();
}

beforeEach(() => open());

const at = (topic: string, sequence: number): Position => ({ epoch: rig.position(topic).epoch, sequence });

describe('Subscribe', () => {
  test('answers with the position of every topic, also when nothing was ever published', () => {
    rig.publish(TOPIC, 3);
    const details = client.askStatus('Subscribe', { topics: [TOPIC, { topic: 'chat.new' }] });
    expect(details).toEqual({
      topics: [TOPIC, 'chat.new'],
      active_subscriptions: 2,
      positions: { [TOPIC]: at(TOPIC, 3), 'chat.new': at('chat.new', 0) },
      recovery: {},
      rejected: [],
    });
    rig.publish(TOPIC);
    rig.publish('chat.new');
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 4, 4), ...run('chat.new', 1, 1)]);
  });

  test('succeeds in part, and says why not for each of the rest', () => {
    const topics = [
      TOPIC,
      'not a topic',
      '@user.Ym9i',
      '*.everything',
      'chat.**.end',
      'secret.a',
      'secret.**',
      'chat.b',
    ];
    const details = client.askStatus('Subscribe', { topics });
    expect(details).toMatchObject({ topics: [TOPIC, 'chat.b'], active_subscriptions: 2 });
    const rejected = details['rejected'] as readonly { topic: string; code: number; reason: string; message: string }[];
    expect(rejected.map(({ topic, code, reason }) => [topic, code, reason])).toEqual([
      ['not a topic', 400, 'invalid_topic'],
      ['@user.Ym9i', 400, 'invalid_topic'],
      ['*.everything', 422, 'pattern_not_supported'],
      ['chat.**.end', 422, 'pattern_not_supported'],
      ['secret.a', 403, 'not_allowed'],
      ['secret.**', 403, 'not_allowed'],
    ]);
    expect(rejected.every(({ message }) => message.length > 0)).toBe(true);
  });

  test('a topic that the broker refuses is rejected, and does not stay half-made', () => {
    open({ maxTopics: 1 });
    const details = client.askStatus('Subscribe', { topics: [TOPIC, 'chat.b'] });
    expect(details).toMatchObject({
      topics: [TOPIC],
      active_subscriptions: 1,
      rejected: [{ topic: 'chat.b', code: 429, reason: 'topic_limit' }],
    });
    expect(client.connection.subscriptions).toHaveLength(1);
    expect(rig.router.recipients('chat.b')).toBe(0);
  });

  test('the answer comes before the first publication, however late it is', () => {
    rig.broker.holds.add('retain');
    const id = client.send('Subscribe', { topics: [TOPIC, 'chat.b'] });
    rig.settle();
    expect(client.repliesTo(id)).toEqual([]);
    rig.publish(TOPIC, 2);
    rig.broker.letGo();
    rig.publish('chat.b');
    rig.publish(TOPIC);
    const frames = client.take();
    expect(flow(frames)[0]).toBe('Status subscribed');
    const details = frames[0]?.data['details'] as { positions: Record<string, Position> };
    const start = details.positions[TOPIC]?.sequence ?? -1;
    expect(flow(frames).filter((text) => text.startsWith(TOPIC))).toEqual(run(TOPIC, start + 1, 3));
    expect(flow(frames).filter((text) => text.startsWith('chat.b'))).toEqual(run('chat.b', 1, 1));
  });

  test('further frames of the client wait for it, those of others do not', () => {
    const other = rig.connect('bob');
    rig.broker.holds.add('retain');
    client.send('Subscribe', { topics: [TOPIC] });
    client.send('Ping');
    rig.settle();
    expect(other.ask('Ping').type).toBe('Pong');
    expect(client.take()).toEqual([]);
    rig.broker.letGo();
    rig.settle();
    expect(flow(client.take())).toEqual(['Status subscribed', 'Pong']);
  });

  test('frames that wait are bounded; one more is told to come later', () => {
    open({ inboxCapacity: 2 });
    rig.broker.holds.add('retain');
    client.send('Subscribe', { topics: [TOPIC] });
    const ids = [1, 2, 3].map(() => client.send('Ping'));
    expect(client.repliesTo(ids[2] ?? '')).toMatchObject([{ data: { code: 429, reason: 'inbound_full' } }]);
    rig.broker.letGo();
    expect(ids.map((id) => client.repliesTo(id).map(({ type }) => type))).toEqual([['Pong'], ['Pong'], ['Error']]);
  });

  test('@me brings the own direct messages, and nobody else’s', () => {
    const bob = rig.connect('bob');
    expect(client.subscribe('@me')).toMatchObject({ topics: ['@me'], positions: { '@me': { sequence: 0 } } });
    bob.subscribe('@me');
    rig.publish(directTopic('', 'ada'), 2);
    expect(flow(client.take())).toEqual(run('@me', 1, 2));
    expect(bob.take()).toEqual([]);
  });

  test('tenants do not meet', () => {
    const stranger = rig.connect('ada', { principal: { tenant: 'acme' } });
    for (const each of [client, stranger]) each.subscribe(TOPIC, 'room.*');
    rig.publish(TOPIC);
    rig.publish('room.a');
    rig.publish(`acme/${TOPIC}`, 1);
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), 'room.a 1']);
    expect(flow(stranger.take())).toEqual(run(TOPIC, 1, 1));
  });

  test('more topics than allowed are rejected, one by one, and patterns count', () => {
    open({ limits: { maxSubscriptions: 3 } });
    const details = client.askStatus('Subscribe', { topics: ['chat.a', 'room.*', 'chat.b', 'chat.c', 'other.*'] });
    expect((details['topics'] as string[]).toSorted()).toEqual(['chat.a', 'chat.b', 'room.*']);
    expect(details).toMatchObject({
      active_subscriptions: 3,
      rejected: [
        { topic: 'chat.c', code: 429, reason: 'topic_limit' },
        { topic: 'other.*', code: 429, reason: 'topic_limit' },
      ],
    });
    expect(client.askStatus('Subscribe', { topics: ['chat.a'] })).toMatchObject({ rejected: [] });
    client.ask('Unsubscribe', { topics: ['chat.a'] });
    expect(client.askStatus('Subscribe', { topics: ['chat.c'] })).toMatchObject({
      active_subscriptions: 3,
      rejected: [],
    });
  });
});

describe('Subscribe again', () => {
  test('without a position nothing changes: nothing twice, nothing lost', () => {
    client.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC, 3);
    client.send('Subscribe', { topics: [TOPIC] });
    rig.publish(TOPIC, 2);
    client.resume();
    const frames = client.take();
    expect(flow(frames).filter((text) => text !== 'Status subscribed')).toEqual(run(TOPIC, 1, 5));
    const status = frames.find(({ type }) => type === 'Status')?.data['details'];
    expect(status).toMatchObject({ topics: [TOPIC], active_subscriptions: 1, recovery: {} });
    expect(rig.unaccounted()).toBe(0);
  });

  test('with a position it starts anew there, and goes on live', () => {
    client.subscribe(TOPIC);
    rig.publish(TOPIC, 5);
    client.take();
    const details = client.askStatus('Subscribe', { topics: [{ topic: TOPIC, ...at(TOPIC, 2) }] });
    expect(details).toMatchObject({
      active_subscriptions: 1,
      positions: { [TOPIC]: at(TOPIC, 2) },
      recovery: { [TOPIC]: { recovered: true, missed: 3 } },
    });
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 3, 5, 'replayed'), ...run(TOPIC, 6, 6)]);
    expect(rig.router.recipients(TOPIC)).toBe(1);
  });

  test('with a position while publications are queued, those are not sent twice', () => {
    client.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC, 5);
    client.send('Subscribe', { topics: [{ topic: TOPIC, ...at(TOPIC, 3) }] });
    rig.publish(TOPIC);
    client.resume();
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), 'Status subscribed', ...run(TOPIC, 4, 6, 'replayed')]);
    expect(client.connection).toMatchObject({ queuedCount: 0, queuedBytes: 0 });
    expect(rig.unaccounted()).toBe(0);
  });

  test('with a position holds what is published until the answer has gone', () => {
    client.subscribe(TOPIC);
    rig.publish(TOPIC, 3);
    client.take();
    rig.broker.holds.add('read');
    client.send('Subscribe', {
      topics: [{ topic: TOPIC, ...at(TOPIC, 1) }, 'chat.b', { topic: 'chat.c', from: 'earliest' }],
    });
    rig.publish(TOPIC, 2);
    rig.publish('chat.b');
    expect(client.take()).toEqual([]);
    rig.broker.letGo();
    rig.settle();
    const frames = flow(client.take());
    expect(frames[0]).toBe('Status subscribed');
    expect(frames.filter((text) => text.startsWith(TOPIC)).map((text) => text.replace(' replayed', ''))).toEqual(
      run(TOPIC, 2, 5),
    );
    expect(frames.filter((text) => text.startsWith('chat.b'))).toHaveLength(1);
    expect(rig.unaccounted()).toBe(0);
  });

  test('from the earliest it starts anew at the beginning of the log', () => {
    client.subscribe(TOPIC);
    rig.publish(TOPIC, 3);
    client.take();
    client.askStatus('Subscribe', { topics: [{ topic: TOPIC, from: 'earliest' }] });
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 1, 3, 'replayed')]);
  });
});

describe('Unsubscribe', () => {
  test('purges what is queued: nothing of the topic arrives after the answer', () => {
    client.subscribe(TOPIC, 'chat.b');
    client.stop();
    rig.publish('chat.b');
    rig.publish(TOPIC, 5);
    rig.publish('chat.b', 2);
    const id = client.send('Unsubscribe', { topics: [TOPIC] });
    rig.publish(TOPIC, 2);
    client.resume();
    const frames = client.take();
    expect(flow(frames).filter((text) => text.startsWith(TOPIC))).toEqual([]);
    expect(flow(frames).filter((text) => text.startsWith('chat.b'))).toEqual(run('chat.b', 1, 3));
    expect(client.repliesTo(id)).toMatchObject([
      { data: { status: 'unsubscribed', details: { topics: [TOPIC], active_subscriptions: 1 } } },
    ]);
    expect(client.connection).toMatchObject({ queuedCount: 0, queuedBytes: 0 });
    expect(rig.router.recipients(TOPIC)).toBe(0);
    expect(rig.unaccounted()).toBe(0);
  });

  test('an open Gap of the topic is purged too', () => {
    open({ limits: { mailboxCapacity: 2 } });
    client.subscribe('typing.a', 'chat.b');
    client.stop();
    rig.publish('chat.b');
    rig.publish('typing.a', 5);
    client.send('Unsubscribe', { topics: ['typing.a'] });
    client.resume();
    expect(flow(client.take())).toEqual(['chat.b 1', 'Status unsubscribed']);
  });

  test('of what was not subscribed is answered all the same', () => {
    expect(client.askStatus('Unsubscribe', { topics: ['chat.x', 'room.*', '@me'] })).toEqual({
      topics: ['chat.x', 'room.*', '@me'],
      active_subscriptions: 0,
    });
  });

  test('of a topic that a pattern matches leaves it to the pattern', () => {
    client.subscribe(TOPIC, 'chat.*');
    client.ask('Unsubscribe', { topics: [TOPIC] });
    client.take();
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 1));
    client.ask('Unsubscribe', { topics: ['chat.*'] });
    client.take();
    rig.publish(TOPIC);
    expect(client.take()).toEqual([]);
  });

  test('after it the topic can be had again', () => {
    client.subscribe(TOPIC);
    client.ask('Unsubscribe', { topics: [TOPIC] });
    rig.publish(TOPIC, 2);
    expect(client.subscribe(TOPIC)).toMatchObject({ positions: { [TOPIC]: at(TOPIC, 2) } });
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 3, 3));
  });
});
