import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';
import { refusal } from '../protocol/errors.ts';

const TOPIC = 'chat.a';
const CAPACITY = 4;

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}, ...topics: string[]): void {
  rig = new TestRig({
    tail: CAPACITY,
    ...options,
    limits: { mailboxCapacity: CAPACITY, pageMessages: 3, ...options.limits },
  });
  client = rig.connect();
  client.subscribe(...(topics.length === 0 ? [TOPIC] : topics));
}

/** Whatever happened, in the end nothing is queued and the books are in order. */
afterEach(() => {
  expect(rig.unaccounted()).toBe(0);
  expect(rig.deadLetters.total).toBe(0);
  expect(rig.backlog.bytes).toBe(0);
  for (const { queuedCount, queuedBytes } of rig.connections) expect([queuedCount, queuedBytes]).toEqual([0, 0]);
});

describe('a full mailbox of a logged topic', () => {
  beforeEach(() => open());

  test('lags, is replayed from the log, and is live again: no hole, no Gap', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    expect(rig.counters.displaced).toBe(CAPACITY + 1);
    client.resume();
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), ...run(TOPIC, 2, 12, 'replayed')]);
    rig.publish(TOPIC, 2);
    expect(flow(client.take())).toEqual(run(TOPIC, 13, 14));
    expect(rig.counters).toMatchObject({ displaced: 5, deferred: 6, replayed: 11, unaccounted: 0 });
    expect(rig.counters.gaps.total).toBe(0);
  });

  test('what just fits is not displaced', () => {
    client.stop();
    rig.publish(TOPIC, 1 + CAPACITY);
    client.resume();
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 1 + CAPACITY));
    expect(rig.counters).toMatchObject({ displaced: 0, deferred: 0, replayed: 0 });
  });

  test('a reader with room is flushed at once, however much comes in a turn', () => {
    rig.publishAtOnce(TOPIC, 50);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 50));
    expect(rig.counters.displaced).toBe(0);
  });

  test('goes on page by page, as the socket takes them; pages end at multiples of their length', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    const pages: string[][] = [];
    for (let at = 0; at < 20; at += 1) {
      client.link.read(Infinity);
      rig.settle();
      const page = flow(client.take());
      if (page.length > 0) pages.push(page);
    }
    expect(pages).toEqual([
      run(TOPIC, 1, 1),
      run(TOPIC, 2, 3, 'replayed'),
      run(TOPIC, 4, 6, 'replayed'),
      run(TOPIC, 7, 9, 'replayed'),
      run(TOPIC, 10, 12, 'replayed'),
    ]);
    client.resume();
  });

  test('what is published during the replay follows it, in order', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    for (let at = 0; at < 10; at += 1) {
      client.link.read(Infinity);
      rig.settle();
      rig.publish(TOPIC);
    }
    client.resume();
    const sequences = flow(client.take()).map((text) => Number(text.split(' ')[1]));
    expect(sequences).toEqual(Array.from({ length: 22 }, (_, at) => at + 1));
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 23, 23));
  });

  test('one slow reader costs the others nothing', () => {
    const fast = rig.connect('bob');
    fast.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC, 12);
    expect(flow(fast.take())).toEqual(run(TOPIC, 1, 12));
    client.resume();
    expect(flow(client.take())).toHaveLength(12);
    expect(flow(fast.take())).toEqual([]);
  });

  test('MessagePack readers recover alike', () => {
    const binary = rig.connect('bob', { format: 'msgpack' });
    binary.subscribe(TOPIC);
    binary.stop();
    rig.publish(TOPIC, 12);
    binary.resume();
    expect(flow(binary.take())).toEqual([...run(TOPIC, 1, 1), ...run(TOPIC, 2, 12, 'replayed')]);
  });

  test('readers of batches recover alike, a page a message', () => {
    const batching = rig.connect('bob', { batching: true });
    batching.subscribe(TOPIC);
    const before = batching.messageSizes.length;
    batching.stop();
    rig.publish(TOPIC, 12);
    batching.resume();
    expect(flow(batching.take())).toEqual([...run(TOPIC, 1, 1), ...run(TOPIC, 2, 12, 'replayed')]);
    expect(batching.messageSizes.slice(before)).toEqual([1, 2, 3, 3, 3]);
  });

  test('a log that cannot be read for a while is read when it can', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    rig.broker.refuses.set('read', refusal('log_unavailable', 'the log is away'));
    client.resume();
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 1));
    rig.publish(TOPIC, 2);
    expect(client.take()).toEqual([]);
    rig.broker.refuses.clear();
    rig.pass(1);
    expect(flow(client.take())).toEqual(run(TOPIC, 2, 14, 'replayed'));
  });

  test('a log that is behind for a moment is asked again a beat later, and not before', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    rig.broker.pretends = (history) => ({ ...history, top: 1, publications: [] });
    client.resume();
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 1));
    expect(rig.broker.calls.read).toBe(1);
    rig.broker.pretends = (history) => history;
    rig.pass(1);
    expect(flow(client.take())).toEqual(run(TOPIC, 2, 12, 'replayed'));
  });

  test('asks the log for one page at a time', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    rig.broker.holds.add('read');
    client.resume();
    rig.publish(TOPIC, 3);
    client.ask('Ping');
    rig.pass(3);
    expect(rig.broker.calls.read).toBe(1);
    rig.broker.letGo();
    rig.settle();
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), 'Pong', ...run(TOPIC, 2, 15, 'replayed')]);
  });

  test('unsubscribing ends a lag, and nothing of the topic comes any more', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    rig.broker.holds.add('read');
    client.resume();
    expect(rig.broker.waiting).toBe(1);
    client.take();
    client.ask('Unsubscribe', { topics: [TOPIC] });
    rig.broker.letGo();
    rig.settle();
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(['Status unsubscribed']);
  });

  test('an answer of the log that comes after a new start is not used', () => {
    client.stop();
    rig.publish(TOPIC, 12);
    rig.broker.holds.add('read');
    client.resume();
    client.take();
    const { epoch } = rig.position(TOPIC);
    client.send('Subscribe', { topics: [{ topic: TOPIC, epoch, sequence: 10 }] });
    rig.broker.letGo();
    rig.settle();
    expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 11, 12, 'replayed')]);
  });
});

describe('notices that get lost', () => {
  beforeEach(() => open());

  test('leave a hole that is filled from the log, without a Gap', () => {
    rig.publish(TOPIC, 2);
    rig.broker.losesNotices = true;
    rig.publish(TOPIC, 3);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 2));
    rig.broker.losesNotices = false;
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 3, 6, 'replayed'));
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 7, 7));
    expect(rig.counters).toMatchObject({ displaced: 0, replayed: 4 });
  });

  test('beyond what the log holds are announced as trimmed, not as an overflow', () => {
    open({ keep: { messages: 3 } });
    rig.publish(TOPIC, 2);
    rig.broker.losesNotices = true;
    rig.publish(TOPIC, 6);
    rig.broker.losesNotices = false;
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual([
      ...run(TOPIC, 1, 2),
      'Gap chat.a trimmed 3-6 (4)',
      ...run(TOPIC, 7, 9, 'replayed'),
    ]);
  });

  test('while publications are queued send everything through the log, in order', () => {
    client.stop();
    rig.publish(TOPIC, 3);
    rig.broker.losesNotices = true;
    rig.publish(TOPIC, 2);
    rig.broker.losesNotices = false;
    rig.publish(TOPIC);
    expect(client.connection.queuedCount).toBe(0);
    client.resume();
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), ...run(TOPIC, 2, 6, 'replayed')]);
  });
});

describe('a full mailbox when the log no longer holds everything', () => {
  test('one exact Gap says what is lost, before the next publication', () => {
    open({ keep: { messages: 5 } });
    client.stop();
    rig.publish(TOPIC, 20);
    client.resume();
    const frames = client.take();
    expect(flow(frames)).toEqual([
      ...run(TOPIC, 1, 1),
      'Gap chat.a overflow 2-15 (14)',
      ...run(TOPIC, 16, 20, 'replayed'),
    ]);
    expect(frames[1]?.data).toEqual({
      topic: TOPIC,
      cause: 'overflow',
      epoch: rig.position(TOPIC).epoch,
      from: 2,
      to: 15,
      count: 14,
    });
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 21, 21));
    expect(rig.counters.gaps.get('overflow')).toBe(1);
  });

  test('what the log loses during the replay is a second Gap, as exact as the first', () => {
    open({ keep: { messages: 6 } });
    client.stop();
    rig.publish(TOPIC, 20);
    client.link.read(Infinity);
    rig.settle();
    // The first page is in the socket; meanwhile the log moves on by ten.
    rig.publish(TOPIC, 10);
    client.resume();
    expect(flow(client.take())).toEqual([
      ...run(TOPIC, 1, 1),
      'Gap chat.a overflow 2-14 (13)',
      ...run(TOPIC, 15, 16, 'replayed'),
      'Gap chat.a overflow 17-24 (8)',
      ...run(TOPIC, 25, 30, 'replayed'),
    ]);
  });

  test('a log that is empty by age leaves one Gap up to the head', () => {
    open({ keep: { ageMs: 10_000 } });
    client.stop();
    rig.publish(TOPIC, 12);
    rig.clock.advance(11_000);
    client.resume();
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), 'Gap chat.a overflow 2-12 (11)']);
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 13, 13));
  });

  test('a log that was lost is announced with the new epoch, and read from its first message', () => {
    open();
    client.stop();
    rig.publish(TOPIC, 12);
    rig.forget(TOPIC);
    rig.publish(TOPIC, 2);
    client.resume();
    const frames = client.take();
    expect(flow(frames)).toEqual([...run(TOPIC, 1, 1), 'Gap chat.a history_lost 0', ...run(TOPIC, 1, 2, 'replayed')]);
    expect(frames[1]?.data).toEqual({
      topic: TOPIC,
      cause: 'history_lost',
      epoch: rig.position(TOPIC).epoch,
      sequence: 0,
    });
  });
});

describe('a full mailbox of an ephemeral topic', () => {
  const TYPING = 'typing.a';

  test('only the oldest give way, and an exact Gap counts them before the next', () => {
    open({}, TYPING);
    client.stop();
    rig.publish(TYPING, 8);
    client.resume();
    const frames = client.take();
    // The first was written; of seven queued four fit.
    expect(flow(frames)).toEqual([
      'typing.a 1',
      'Gap typing.a no_history (3)',
      'typing.a 5',
      'typing.a 6',
      'typing.a 7',
      'typing.a 8',
    ]);
    expect(frames[1]?.data).toEqual({ topic: TYPING, cause: 'no_history', count: 3 });
    expect(rig.counters.displaced).toBe(3);
  });

  test('each later loss is announced anew', () => {
    open({}, TYPING);
    for (const round of [0, 1]) {
      client.stop();
      rig.publish(TYPING, 7);
      client.resume();
      const start = round * 7;
      expect(flow(client.take())).toEqual([
        `typing.a ${start + 1}`,
        'Gap typing.a no_history (2)',
        ...run(TYPING, start + 4, start + 7),
      ]);
    }
    rig.publish(TYPING);
    expect(flow(client.take())).toEqual(['typing.a 15']);
  });
});

describe('those who lag together', () => {
  test('read each page of the log once', () => {
    open();
    const others = ['bob', 'cy', 'dora'].map((user) => rig.connect(user));
    for (const each of others) each.subscribe(TOPIC);
    // Not all at the same place: from the second page on they read the same ones.
    for (const [at, each] of [client, ...others].entries()) {
      each.stop();
      rig.publish(TOPIC, at === 0 ? 1 : 2);
    }
    rig.publish(TOPIC, 30);
    const before = rig.broker.calls.read;
    for (const each of [client, ...others]) each.resume();
    for (const each of [client, ...others]) {
      const frames = flow(each.take()).map((text) => text.replace(' replayed', ''));
      expect(frames).toEqual(run(TOPIC, 1, 37));
    }
    expect(rig.broker.calls.read - before).toBeLessThan(20);
  });
});
