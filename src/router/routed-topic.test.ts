import { describe, expect, test } from 'vitest';
import { SegmentPool } from '../segments/segment-pool.ts';
import { json } from '../protocol/json.ts';
import { msgpack } from '../protocol/msgpack.ts';
import { RoutedTopic, type TailLimits } from './routed-topic.ts';
import { LIVE, Subscription } from './subscription.ts';
import { publication, sizeOf, TestSubscriber } from './test-rig.ts';

const LIMITS: TailLimits = { messages: 5, bytes: 1_000_000, totalBytes: 1_000_000 };
const EPOCH = 'epoch';
const MUCH = 1_000_000;
const SINGLES = { isBatch: false, messages: 100, bytes: MUCH };
const BATCH = { isBatch: true, messages: 100, bytes: MUCH };

interface Opened {
  readonly topic: RoutedTopic;
  readonly pool: SegmentPool;
  readonly prepared: RoutedTopic[];
}

function open(limits: Partial<TailLimits> = {}): Opened {
  const pool = new SegmentPool(1_000_000);
  const prepared: RoutedTopic[] = [];
  const topic = new RoutedTopic('chat.a', pool, { ...LIMITS, ...limits }, (told) => prepared.push(told));
  topic.isReady = true;
  topic.epoch = EPOCH;
  topic.openTail(json);
  return { topic, pool, prepared };
}

/** Adds publications that are routed at once, as at the end of a turn each. */
function add(topic: RoutedTopic, count: number, payload = '1'): void {
  for (let at = 0; at < count; at += 1) {
    topic.add(publication('chat.a', { epoch: EPOCH, sequence: topic.head + 1 }, payload), 0);
    topic.routedHead = topic.head;
  }
}

describe('the tail', () => {
  test('begins where the first subscriber of its format came', () => {
    const { topic } = open();
    add(topic, 2);
    topic.openTail(msgpack);
    add(topic, 1);
    expect(topic.tailFirst(json)).toBe(1);
    expect(topic.tailFirst(msgpack)).toBe(3);
  });

  test('of a format that nobody uses takes no memory and begins after the head', () => {
    const { topic } = open();
    add(topic, 2);
    expect(topic.tailFirst(msgpack)).toBe(3);
    expect(topic.bytesBetween(msgpack, 0, 2)).toBe(0);
    expect(topic.bytesBetween(json, 0, 2)).toBe(
      sizeOf(
        json,
        [1, 2].map((sequence) => publication('chat.a', { epoch: EPOCH, sequence })),
      ),
    );
  });

  test('is bounded in messages', () => {
    const { topic } = open({ messages: 5 });
    add(topic, 20);
    expect(topic.tailFirst(json)).toBe(16);
  });

  test('is bounded in bytes, but holds one message of any size', () => {
    const { topic } = open({ messages: 100, bytes: 1_000 });
    add(topic, 20, JSON.stringify('x'.repeat(200)));
    expect(topic.bytesBetween(json, topic.tailFirst(json) - 1, 20)).toBeLessThanOrEqual(1_000);
    expect(topic.tailFirst(json)).toBeLessThanOrEqual(19);
    add(topic, 1, JSON.stringify('x'.repeat(5_000)));
    expect(topic.tailFirst(json)).toBe(21);
  });

  test('keeps what is not routed yet, whatever the bounds say, and asks for a flush before that gets much', () => {
    const { topic } = open({ messages: 4 });
    add(topic, 4);
    expect(topic.isPressed).toBe(false);
    for (let at = 0; at < 6; at += 1) topic.add(publication('chat.a', { epoch: EPOCH, sequence: topic.head + 1 }), 0);
    expect(topic.isPressed).toBe(true);
    expect(topic.tailFirst(json)).toBe(5);
    topic.routedHead = topic.head;
    expect(topic.isPressed).toBe(false);
  });

  test('asks for a flush when a few unrouted messages are large', () => {
    const { topic } = open({ messages: 1_000, bytes: 1_000 });
    topic.add(publication('chat.a', { epoch: EPOCH, sequence: 1 }, JSON.stringify('x'.repeat(600))), 0);
    expect(topic.isPressed).toBe(true);
  });

  test('gives up its older half when all tails together are too large', () => {
    const { topic, pool } = open({ messages: 1_000, totalBytes: 40_000 });
    add(topic, 100);
    expect(topic.tailFirst(json)).toBe(1);
    // What another topic takes.
    pool.acquire(3, 50_000);
    add(topic, 1);
    expect(topic.tailFirst(json)).toBe(51);
  });

  test('begins anew after a jump, and shrinks by a cut', () => {
    const { topic } = open();
    add(topic, 3);
    topic.cutAt(2);
    expect(topic).toMatchObject({ head: 2, routedHead: 2 });
    expect(topic.tailFirst(json)).toBe(1);
    add(topic, 1, '"again"');
    expect(Buffer.from(topic.prepareLive(json, SINGLES, 2, MUCH).frames[0] ?? '').toString()).toContain('"again"');
    topic.jumpTo(10);
    expect(topic).toMatchObject({ head: 10, routedHead: 10 });
    expect(topic.tailFirst(json)).toBe(11);
  });

  test('gives all memory back at the end', () => {
    const { topic, pool } = open();
    topic.openTail(msgpack);
    add(topic, 5, JSON.stringify('x'.repeat(10_000)));
    expect(pool.inUse).toBeGreaterThan(50_000);
    topic.close();
    expect(pool.inUse).toBe(0);
    expect(topic.isDropped).toBe(true);
  });

  test('remembers when each publication came', () => {
    const { topic } = open();
    topic.add(publication('chat.a', { epoch: EPOCH, sequence: 1 }), 10);
    topic.add(publication('chat.a', { epoch: EPOCH, sequence: 2 }), 25);
    expect([topic.arrivedAt(json, 1), topic.arrivedAt(json, 2)]).toEqual([10, 25]);
  });
});

describe('prepared ranges', () => {
  test('hold the frames as the codec writes them, marked when they are replayed', () => {
    const { topic } = open();
    topic.openTail(msgpack);
    add(topic, 3, '{"a":"ü"}');
    topic.allRouted();
    const expected = [2, 3].map((sequence) => publication('chat.a', { epoch: EPOCH, sequence }, '{"a":"ü"}'));
    for (const codec of [json, msgpack]) {
      const plain = expected.map((item) => Buffer.from(codec.publication(item)));
      expect(topic.prepareLive(codec, SINGLES, 1, MUCH).frames.map((frame) => Buffer.from(frame))).toEqual(plain);
      const marked = plain.map((frame) => Buffer.from(codec.replayed(frame)));
      const page = topic.preparePage(codec, 1, { messages: 100, bytes: MUCH });
      expect(page.frames.map((frame) => Buffer.from(frame))).toEqual(marked);
    }
  });

  test('are shared by subscribers at the same place, and by nobody else', () => {
    const { topic } = open();
    topic.openTail(msgpack);
    add(topic, 3);
    topic.allRouted();
    const range = topic.prepareLive(json, SINGLES, 0, MUCH);
    expect(topic.prepareLive(json, SINGLES, 0, MUCH)).toBe(range);
    expect(topic.prepareLive(msgpack, SINGLES, 0, MUCH)).not.toBe(range);
    expect(topic.prepareLive(json, BATCH, 0, MUCH)).not.toBe(range);
    expect(topic.prepareLive(json, SINGLES, 0, MUCH)).toBe(range);
    expect(topic.prepareLive(json, SINGLES, 1, MUCH).frames).toHaveLength(2);
    const page = topic.preparePage(json, 1, { messages: 100, bytes: MUCH });
    expect(page.frames).toHaveLength(2);
    expect(topic.preparePage(json, 1, { messages: 100, bytes: MUCH })).toBe(page);
    expect(topic.preparePage(json, 1, { messages: 1, bytes: MUCH }).to).toBe(2);
  });

  test('end where a write is full', () => {
    const { topic } = open({ messages: 100 });
    add(topic, 20);
    topic.allRouted();
    const one = topic.bytesBetween(json, 0, 1);
    expect(topic.prepareLive(json, { ...SINGLES, messages: 8 }, 0, MUCH).to).toBe(8);
    expect(topic.prepareLive(json, { ...SINGLES, messages: 8 }, 15, MUCH).to).toBe(20);
    expect(topic.prepareLive(json, SINGLES, 0, 1).to).toBe(1);
    const { to, bytes } = topic.prepareLive(json, SINGLES, 0, one * 7);
    expect(bytes).toBe(topic.bytesBetween(json, 0, to));
    expect(bytes).toBeLessThanOrEqual(one * 7);
    expect(topic.bytesBetween(json, 0, to + 1)).toBeGreaterThan(one * 7);
  });

  test('grow with what is routed', () => {
    const { topic } = open();
    add(topic, 2);
    topic.allRouted();
    expect(topic.prepareLive(json, SINGLES, 0, MUCH).to).toBe(2);
    add(topic, 1);
    topic.allRouted();
    expect(topic.prepareLive(json, SINGLES, 0, MUCH).to).toBe(3);
  });

  test('are reported once, forgotten, and reported again', () => {
    const { topic, prepared } = open();
    topic.openTail(msgpack);
    add(topic, 3);
    topic.allRouted();
    const range = topic.prepareLive(json, SINGLES, 0, MUCH);
    topic.prepareLive(msgpack, BATCH, 0, MUCH);
    expect(prepared).toEqual([topic]);
    topic.forgetPrepared();
    expect(topic.prepareLive(json, SINGLES, 0, MUCH)).not.toBe(range);
    expect(prepared).toHaveLength(2);
  });

  test.each([
    ['a jump', (topic: RoutedTopic): void => topic.jumpTo(2)],
    ['a cut', (topic: RoutedTopic): void => topic.cutAt(2)],
  ])('do not outlive %s, which may reuse their memory', (_, change) => {
    const { topic } = open();
    add(topic, 3, '"old"');
    topic.allRouted();
    const stale = topic.prepareLive(json, SINGLES, 2, MUCH);
    const stalePage = topic.preparePage(json, 2, SINGLES);
    change(topic);
    add(topic, 1, '"new"');
    topic.allRouted();
    for (const [fresh, old] of [
      [topic.prepareLive(json, SINGLES, 2, MUCH), stale],
      [topic.preparePage(json, 2, SINGLES), stalePage],
    ] as const) {
      expect(fresh).not.toBe(old);
      expect(Buffer.from(fresh.frames[0] ?? '').toString()).toContain('"new"');
    }
  });
});

describe('subscriptions', () => {
  test('idle begins when the last one leaves and ends when one comes', () => {
    const { topic } = open();
    const [first, second] = [0, 1].map(() => new Subscription(new TestSubscriber(), topic));
    if (first === undefined || second === undefined) throw new Error('two subscriptions');
    topic.attach(first);
    topic.attach(second);
    expect(topic.idleSince).toBe(-1);
    topic.detach(first, 10);
    expect(topic.idleSince).toBe(-1);
    topic.detach(second, 20);
    expect(topic.idleSince).toBe(20);
    topic.attach(first);
    expect(topic.idleSince).toBe(-1);
  });

  test('start with clean books', () => {
    const { topic } = open();
    add(topic, 3);
    topic.routedCount = 3;
    const subscription = new Subscription(new TestSubscriber(), topic);
    subscription.startAt(1, LIVE);
    subscription.live = 2;
    subscription.beginLag(true);
    Object.assign(subscription.books(), { replayed: 3, displaced: 4, deferred: 5, lost: 6 });
    subscription.gap = { cause: 'no_history', count: 1 };
    subscription.startAt(3, LIVE);
    expect(subscription).toMatchObject({
      written: 3,
      joined: 3,
      joinedCount: 3,
      generation: 2,
      queued: 0,
      overflowed: false,
      gap: null,
      live: 0,
      replayed: 0,
      displaced: 0,
      deferred: 0,
      lost: 0,
    });
  });
});
