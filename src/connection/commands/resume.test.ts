import { beforeEach, describe, expect, test } from 'vitest';
import type { Position } from '../../protocol/position.ts';
import { TestRig } from '../test-rig.ts';
import { flow, run, type TestClient } from '../test-rig-client.ts';
import { refusal } from '../../protocol/errors.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}): void {
  rig = new TestRig(options);
  client = rig.connect();
}

beforeEach(() => open());

const at = (topic: string, sequence: number): Position => ({ epoch: rig.position(topic).epoch, sequence });

/** Subscribes to one topic at a position, and answers what is said of its recovery and where it starts. */
function resume(topic: string, position: object): { recovery: unknown; start: unknown } {
  const { recovery, positions } = client.askStatus('Subscribe', { topics: [{ topic, ...position }] });
  return {
    recovery: (recovery as Record<string, unknown>)[topic],
    start: (positions as Record<string, unknown>)[topic],
  };
}

describe('the log is asked about a position', () => {
  /** Resumes there, while another client has followed the topic since its third message. */
  function readsFor(position: Position): number {
    const before = rig.broker.calls.read;
    client.send('Subscribe', { topics: [{ topic: TOPIC, ...position }] });
    rig.settle();
    return rig.broker.calls.read - before;
  }

  beforeEach(() => {
    rig.publish(TOPIC, 3);
    rig.connect('bob').subscribe(TOPIC);
    rig.publish(TOPIC, 4);
  });

  test('not when the node has all that follows it', () => {
    expect(readsFor(at(TOPIC, 3))).toBe(0);
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 4, 7, 'replayed')]);
    expect(rig.unaccounted()).toBe(0);
  });

  test('not at the head, also of a topic that nobody has followed', () => {
    expect(readsFor(at(TOPIC, 7))).toBe(0);
    rig.publish('chat.b', 2);
    const before = rig.broker.calls.read;
    expect(resume('chat.b', at('chat.b', 2))).toEqual({
      recovery: { recovered: true, missed: 0 },
      start: at('chat.b', 2),
    });
    expect(rig.broker.calls.read).toBe(before);
  });

  test('when what follows it is not all here, when it is beyond the head, and when it is of another epoch', () => {
    const { epoch } = at(TOPIC, 0);
    expect(readsFor({ epoch, sequence: 2 })).toBeGreaterThan(0);
    expect(readsFor({ epoch, sequence: 8 })).toBeGreaterThan(0);
    expect(readsFor({ epoch: 'another', sequence: 5 })).toBeGreaterThan(0);
  });

  test('when the tail of the client’s format was never kept', () => {
    client = rig.connect('eve', { format: 'msgpack' });
    expect(readsFor(at(TOPIC, 5))).toBeGreaterThan(0);
  });
});

describe('a resume with a position', () => {
  test('replays what was missed, marked, after the answer, and goes on live', () => {
    rig.publish(TOPIC, 5);
    expect(resume(TOPIC, at(TOPIC, 2))).toEqual({ recovery: { recovered: true, missed: 3 }, start: at(TOPIC, 2) });
    rig.publish(TOPIC, 2);
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 3, 5, 'replayed'), ...run(TOPIC, 6, 7)]);
    expect(rig.counters.gaps.total).toBe(0);
  });

  test('at the head misses nothing', () => {
    rig.publish(TOPIC, 5);
    expect(resume(TOPIC, at(TOPIC, 5))).toEqual({ recovery: { recovered: true, missed: 0 }, start: at(TOPIC, 5) });
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 6, 6)]);
  });

  test('at 0 of a topic that never had a message misses nothing', () => {
    const { epoch } = (client.subscribe(TOPIC)['positions'] as Record<string, Position>)[TOPIC] ?? { epoch: '' };
    client.ask('Unsubscribe', { topics: [TOPIC] });
    expect(resume(TOPIC, { epoch, sequence: 0 })).toMatchObject({ recovery: { recovered: true, missed: 0 } });
  });

  test('takes pages in order, however many', () => {
    open({ limits: { pageMessages: 3 } });
    rig.publish(TOPIC, 20);
    resume(TOPIC, at(TOPIC, 4));
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 5, 20, 'replayed')]);
  });

  test('what was trimmed is said in the answer and announced by an exact Gap', () => {
    open({ keep: { messages: 3 } });
    rig.publish(TOPIC, 10);
    expect(resume(TOPIC, at(TOPIC, 2))).toEqual({
      recovery: { recovered: false, missed: 8, reason: 'trimmed' },
      start: at(TOPIC, 2),
    });
    const frames = client.take();
    expect(flow(frames)).toEqual(['Status subscribed', 'Gap chat.a trimmed 3-7 (5)', ...run(TOPIC, 8, 10, 'replayed')]);
    const { epoch } = rig.position(TOPIC);
    expect(frames[1]?.data).toEqual({ topic: TOPIC, cause: 'trimmed', epoch, from: 3, to: 7, count: 5 });
  });

  test('right before what is left misses nothing', () => {
    open({ keep: { messages: 3 } });
    rig.publish(TOPIC, 10);
    expect(resume(TOPIC, at(TOPIC, 7))).toMatchObject({ recovery: { recovered: true, missed: 3 } });
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 8, 10, 'replayed')]);
  });

  test.each([
    ['of another epoch', 'unknown_epoch', (): Position => ({ epoch: 'another', sequence: 2 })],
    ['beyond the head', 'history_lost', (): Position => at(TOPIC, 9)],
  ])('%s goes on from the first message: %s', (_, reason, position) => {
    rig.publish(TOPIC, 3);
    expect(resume(TOPIC, position())).toEqual({
      recovery: { recovered: false, missed: 3, reason },
      start: at(TOPIC, 0),
    });
    const frames = client.take();
    expect(flow(frames)).toEqual(['Status subscribed', 'Gap chat.a history_lost 0', ...run(TOPIC, 1, 3, 'replayed')]);
    expect(frames[1]?.data).toEqual({ topic: TOPIC, cause: 'history_lost', ...at(TOPIC, 0) });
  });

  test('of another epoch, in a topic that is empty now, is announced before anything is published', () => {
    expect(resume(TOPIC, { epoch: 'another', sequence: 2 })).toMatchObject({
      recovery: { recovered: false, missed: 0, reason: 'unknown_epoch' },
      start: { sequence: 0 },
    });
    expect(flow(client.take())).toEqual(['Status subscribed', 'Gap chat.a history_lost 0']);
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 1));
  });

  test('of an ephemeral topic has no history to offer', () => {
    expect(resume('typing.a', { epoch: 'e', sequence: 3 })).toEqual({
      recovery: { recovered: false, missed: 0, reason: 'no_history' },
      start: undefined,
    });
    rig.publish('typing.a');
    expect(flow(client.take())).toEqual(['Status subscribed', 'typing.a 1']);
  });

  test('of a pattern is no position at all', () => {
    expect(resume('chat.*', { epoch: 'e', sequence: 3 })).toEqual({
      recovery: { recovered: false, missed: 0, reason: 'pattern' },
      start: undefined,
    });
  });

  test('from the earliest gives everything that the log has', () => {
    open({ keep: { messages: 3 } });
    rig.publish(TOPIC, 10);
    expect(resume(TOPIC, { from: 'earliest' })).toEqual({
      recovery: { recovered: true, missed: 3 },
      start: at(TOPIC, 7),
    });
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 8, 10, 'replayed')]);
  });

  test('from the latest is what a name alone means', () => {
    rig.publish(TOPIC, 3);
    expect(resume(TOPIC, { from: 'latest' })).toEqual({ recovery: undefined, start: at(TOPIC, 3) });
  });

  test('of a log that cannot be read is rejected, and nothing half-made stays', () => {
    rig.publish(TOPIC, 3);
    rig.broker.refuses.set('read', refusal('log_unavailable', 'away'));
    const details = client.askStatus('Subscribe', { topics: [{ topic: TOPIC, ...at(TOPIC, 1) }, 'chat.b'] });
    expect(details).toMatchObject({
      topics: ['chat.b'],
      active_subscriptions: 1,
      recovery: {},
      rejected: [{ topic: TOPIC, code: 503, reason: 'log_unavailable' }],
    });
    client.take();
    rig.publish(TOPIC);
    expect(client.take()).toEqual([]);
  });

  test('what is published while the answer is on its way is neither lost nor sent twice', () => {
    rig.publish(TOPIC, 3);
    rig.connect('bob').subscribe(TOPIC);
    rig.broker.holds.add('read');
    client.send('Subscribe', { topics: [{ topic: TOPIC, ...at(TOPIC, 1) }] });
    rig.settle();
    rig.publish(TOPIC, 2);
    rig.broker.letGo();
    rig.publish(TOPIC, 2);
    const frames = flow(client.take());
    expect(frames[0]).toBe('Status subscribed');
    expect(frames.slice(1).map((text) => Number(text.split(' ')[1]))).toEqual([2, 3, 4, 5, 6, 7]);
    expect(rig.unaccounted()).toBe(0);
  });

  test('of a connection that ends meanwhile is forgotten', () => {
    rig.publish(TOPIC, 3);
    rig.broker.holds.add('read');
    client.send('Subscribe', { topics: [{ topic: TOPIC, ...at(TOPIC, 1) }] });
    rig.settle();
    client.link.break();
    rig.broker.letGo();
    rig.settle();
    expect(client.take()).toEqual([]);
    expect(rig.router.recipients(TOPIC)).toBe(0);
    expect(rig.deadLetters.total).toBe(0);
  });
});

describe('a log that is lost under a live subscriber', () => {
  test('is announced before the first message of the new epoch', () => {
    client.subscribe(TOPIC);
    rig.publish(TOPIC, 3);
    client.take();
    rig.forget(TOPIC);
    rig.settle();
    rig.publish(TOPIC, 2);
    const frames = client.take();
    expect(flow(frames).map((text) => text.replace(' replayed', ''))).toEqual([
      'Gap chat.a history_lost 0',
      ...run(TOPIC, 1, 2),
    ]);
    expect(frames[0]?.data['epoch']).toBe(rig.position(TOPIC).epoch);
  });

  test('costs nothing when nothing of it had been delivered', () => {
    client.subscribe(TOPIC);
    rig.forget(TOPIC);
    rig.settle();
    rig.publish(TOPIC);
    const frames = client.take();
    expect(flow(frames).map((text) => text.replace(' replayed', ''))).toEqual(run(TOPIC, 1, 1));
    expect(frames[0]?.data['epoch']).toBe(rig.position(TOPIC).epoch);
  });
});

test('an answer that was asked for under an epoch that has ended takes nobody back to it', () => {
  rig.publish(TOPIC, 3);
  const other = rig.connect('bob');
  other.subscribe(TOPIC);
  other.take();
  rig.broker.holds.add('read');
  const { epoch } = rig.position(TOPIC);
  client.send('Subscribe', { topics: [{ topic: TOPIC, epoch, sequence: 2 }] });
  rig.router.epochChanged(TOPIC, 'new', 4);
  rig.broker.pretends = (history) => ({ ...history, epoch: 'new', epochFirst: 4, after: 2, lost: null });
  rig.broker.letGo();
  rig.settle();
  expect([...rig.router.openTopics()].map((topic) => topic.epoch)).toEqual(['new']);
  expect(client.take()[0]?.data).toMatchObject({
    details: { positions: { [TOPIC]: { epoch: 'new', sequence: 2 } } },
  });
  expect(flow(other.take())).toEqual([]);
});

test('an answer that waits for another topic says what was lost meanwhile', () => {
  rig.publish(TOPIC, 3);
  rig.connect('bob').subscribe(TOPIC);
  const position = at(TOPIC, 3);
  rig.broker.holds.add('retain');
  client.send('Subscribe', { topics: [{ topic: TOPIC, ...position }, 'chat.b'] });
  rig.settle();
  rig.forget(TOPIC);
  rig.broker.letGo();
  rig.settle();
  const frames = client.take();
  expect(flow(frames)).toEqual(['Status subscribed', 'Gap chat.a history_lost 0']);
  expect(frames[0]?.data).toMatchObject({
    details: { recovery: { [TOPIC]: { recovered: false, missed: 0, reason: 'history_lost' } } },
  });
});
