import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_PATTERN_POSITIONS } from '../../protocol/limits.ts';
import type { Position } from '../../protocol/position.ts';
import { TestRig } from '../test-rig.ts';
import { flow, run, type TestClient } from '../test-rig-client.ts';
import { refusal } from '../../protocol/errors.ts';

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}): void {
  rig = new TestRig(options);
  client = rig.connect();
}

beforeEach(() => open());

const at = (topic: string, sequence: number): Position => ({ epoch: rig.position(topic).epoch, sequence });

describe('a pattern', () => {
  test('answers with the positions of what it matches', () => {
    rig.publish('chat.a', 3);
    rig.publish('chat.b', 1);
    rig.publish('chat.a.b', 1);
    rig.publish('other.a', 1);
    expect(client.askStatus('Subscribe', { topics: ['chat.*'] })).toEqual({
      topics: ['chat.*'],
      active_subscriptions: 1,
      positions: { 'chat.a': at('chat.a', 3), 'chat.b': at('chat.b', 1) },
      recovery: {},
      rejected: [],
    });
  });

  test('answers with at most as many positions as the protocol says', () => {
    for (let topic = 0; topic < MAX_PATTERN_POSITIONS + 10; topic += 1) rig.publish(`chat.t${topic}`);
    const { positions } = client.askStatus('Subscribe', { topics: ['chat.*'] });
    expect(Object.keys(positions as object)).toHaveLength(MAX_PATTERN_POSITIONS);
  });

  test('answers with no more positions when it has grown and is asked for again', () => {
    client.subscribe('chat.*');
    for (let topic = 0; topic < MAX_PATTERN_POSITIONS + 10; topic += 1) rig.publish(`chat.t${topic}`);
    const { positions } = client.askStatus('Subscribe', { topics: ['chat.*'] });
    expect(Object.keys(positions as object)).toHaveLength(MAX_PATTERN_POSITIONS);
  });

  test('that the broker refuses is rejected, and can be asked for again', () => {
    client.subscribe('room.*');
    rig.broker.refuses.set('retain', refusal('log_unavailable', 'away'));
    expect(client.askStatus('Subscribe', { topics: ['chat.*'] })).toMatchObject({
      topics: [],
      active_subscriptions: 1,
      rejected: [{ topic: 'chat.*', code: 503, reason: 'log_unavailable' }],
    });
    rig.broker.refuses.clear();
    client.take();
    rig.publish('chat.a');
    rig.publish('room.a');
    expect(flow(client.take())).toEqual(['room.a 1']);
    expect(client.subscribe('chat.*')).toMatchObject({ topics: ['chat.*'], active_subscriptions: 2 });
    rig.publish('chat.a');
    expect(flow(client.take())).toEqual(['chat.a 2']);
  });

  test('brings what is published to its topics, also to new ones from their first message', () => {
    rig.publish('chat.a', 3);
    client.subscribe('chat.**');
    rig.publish('chat.a');
    rig.publish('chat.new', 2);
    rig.publish('chat.new.deeper');
    rig.publish('other.a');
    expect(flow(client.take())).toEqual(['chat.a 4', 'chat.new 1', 'chat.new 2', 'chat.new.deeper 1']);
  });

  test('that overlaps with another and with a name delivers once', () => {
    client.subscribe('chat.*', 'chat.**', 'chat.a');
    rig.publish('chat.a', 3);
    expect(flow(client.take())).toEqual(run('chat.a', 1, 3));
    for (const name of ['chat.a', 'chat.*']) {
      client.ask('Unsubscribe', { topics: [name] });
      client.take();
      rig.publish('chat.a');
      expect(client.take()).toHaveLength(1);
    }
    client.ask('Unsubscribe', { topics: ['chat.**'] });
    client.take();
    rig.publish('chat.a');
    expect(client.take()).toEqual([]);
  });

  test('that ends purges what only it brought', () => {
    client.subscribe('chat.*', 'chat.kept');
    client.stop();
    rig.publish('chat.kept');
    rig.publish('chat.a', 3);
    rig.publish('chat.kept', 2);
    client.send('Unsubscribe', { topics: ['chat.*'] });
    client.resume();
    expect(flow(client.take())).toEqual(['chat.kept 1', 'Status unsubscribed', 'chat.kept 2', 'chat.kept 3']);
    expect(rig.unaccounted()).toBe(0);
    expect(client.connection.queuedCount).toBe(0);
  });

  test('asked for again changes nothing', () => {
    client.subscribe('chat.*');
    rig.publish('chat.a', 2);
    client.take();
    expect(client.askStatus('Subscribe', { topics: ['chat.*'] })).toMatchObject({
      topics: ['chat.*'],
      active_subscriptions: 1,
      positions: { 'chat.a': at('chat.a', 2) },
    });
    client.take();
    rig.publish('chat.a');
    expect(flow(client.take())).toEqual(['chat.a 3']);
  });

  test('overflows topic by topic, like names', () => {
    open({ limits: { mailboxCapacity: 4 } });
    client.subscribe('chat.*');
    rig.publish('chat.a');
    rig.publish('chat.b');
    client.take();
    client.stop();
    rig.publish('chat.a', 9);
    rig.publish('chat.b', 2);
    client.resume();
    const frames = flow(client.take());
    expect(frames.filter((text) => text.startsWith('chat.a'))).toEqual([
      'chat.a 2',
      ...run('chat.a', 3, 10, 'replayed'),
    ]);
    expect(frames.filter((text) => text.startsWith('chat.b'))).toEqual(run('chat.b', 2, 3));
    expect(frames).toHaveLength(11);
  });
});

describe('a pattern that resumes', () => {
  test('goes on at the positions that it is given, and at the heads of the rest', () => {
    rig.publish('chat.a', 5);
    rig.publish('chat.b', 5);
    const positions = { 'chat.a': at('chat.a', 3) };
    const details = client.askStatus('Subscribe', { topics: [{ topic: 'chat.*', positions }] });
    expect(details).toMatchObject({
      topics: ['chat.*'],
      active_subscriptions: 1,
      positions: { 'chat.a': at('chat.a', 3), 'chat.b': at('chat.b', 5) },
      recovery: { 'chat.a': { recovered: true, missed: 2 } },
    });
    rig.publish('chat.a');
    rig.publish('chat.b');
    expect(flow(client.take())).toEqual([
      'Status subscribed',
      ...run('chat.a', 4, 5, 'replayed'),
      'chat.a 6',
      'chat.b 6',
    ]);
  });

  test('says of each topic what the log no longer has', () => {
    open({ keep: { messages: 3 } });
    rig.publish('chat.a', 9);
    rig.publish('chat.b', 2);
    const positions = { 'chat.a': at('chat.a', 2), 'chat.b': { epoch: 'another', sequence: 4 } };
    const details = client.askStatus('Subscribe', { topics: [{ topic: 'chat.*', positions }] });
    expect(details['recovery']).toEqual({
      'chat.a': { recovered: false, missed: 7, reason: 'trimmed' },
      'chat.b': { recovered: false, missed: 2, reason: 'unknown_epoch' },
    });
    const frames = flow(client.take());
    expect(frames.filter((text) => text.includes('chat.a'))).toEqual([
      'Gap chat.a trimmed 3-6 (4)',
      ...run('chat.a', 7, 9, 'replayed'),
    ]);
    expect(frames.filter((text) => text.includes('chat.b'))).toEqual([
      'Gap chat.b history_lost 0',
      ...run('chat.b', 1, 2, 'replayed'),
    ]);
  });

  test('rejects topics that it does not match', () => {
    const positions = { 'other.a': { epoch: 'e', sequence: 1 }, 'chat.*': { epoch: 'e', sequence: 1 } };
    const details = client.askStatus('Subscribe', { topics: [{ topic: 'chat.*', positions }] });
    expect(details).toMatchObject({
      topics: ['chat.*'],
      rejected: [
        { topic: 'other.a', code: 400, reason: 'invalid_topic' },
        { topic: 'chat.*', code: 400, reason: 'invalid_topic' },
      ],
    });
    expect(rig.router.recipients('other.a')).toBe(0);
  });

  test('is rejected as a whole when one of its topics cannot be resumed: it would go on without it', () => {
    rig.publish('chat.a', 3);
    rig.broker.refuses.set('read', refusal('log_unavailable', 'away'));
    const positions = { 'chat.a': at('chat.a', 1) };
    const details = client.askStatus('Subscribe', { topics: [{ topic: 'chat.*', positions }, 'room.a'] });
    expect(details).toMatchObject({ topics: ['room.a'], active_subscriptions: 1, recovery: {} });
    expect((details['rejected'] as readonly { topic: string }[]).map(({ topic }) => topic)).toEqual([
      'chat.a',
      'chat.*',
    ]);
    expect(client.connection.patterns).toBeNull();
    client.take();
    rig.publish('chat.a');
    rig.publish('chat.b');
    expect(client.take()).toEqual([]);
  });

  test('holds what it resumed: when it ends, so does that', () => {
    rig.publish('chat.a', 3);
    const positions = { 'chat.a': at('chat.a', 1) };
    client.subscribe({ topic: 'chat.*', positions });
    client.take();
    client.ask('Unsubscribe', { topics: ['chat.*'] });
    client.take();
    rig.publish('chat.a');
    expect(client.take()).toEqual([]);
    expect(rig.router.recipients('chat.a')).toBe(0);
  });
});

describe('a pattern that matches too much', () => {
  test('ends, and says so, instead of missing topics silently', () => {
    open({ limits: { maxMatchedTopics: 2 } });
    client.subscribe('chat.*', 'typing.*');
    for (const topic of ['chat.a', 'chat.b']) rig.publish(topic);
    expect(flow(client.take())).toEqual(['chat.a 1', 'chat.b 1']);
    rig.publish('chat.c');
    const [error, status] = client.take();
    expect(error).toMatchObject({ type: 'Error', data: { code: 429, reason: 'topic_limit' } });
    expect(status).toMatchObject({
      type: 'Status',
      data: { status: 'unsubscribed', details: { topics: ['chat.*'], active_subscriptions: 1 } },
    });
    for (const topic of ['chat.a', 'chat.c']) rig.publish(topic);
    expect(client.take()).toEqual([]);
    rig.publish('typing.a');
    expect(client.take()).toHaveLength(1);
    expect(rig.unaccounted()).toBe(0);
  });

  test('does not disturb others with the same pattern', () => {
    open({ limits: { maxMatchedTopics: 2 } });
    const other = rig.connect('bob');
    other.subscribe('chat.c');
    client.subscribe('chat.*');
    rig.connect('eve').subscribe('chat.*');
    for (const topic of ['chat.a', 'chat.b', 'chat.c']) rig.publish(topic);
    expect(flow(other.take())).toEqual(['chat.c 1']);
    expect(rig.connections).toHaveLength(3);
  });
});
