/** The broker's rounds through its topics: how many of them one turn looks at, and what it makes room with. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { draft } from './contract-suite-probe.ts';
import { MemoryBroker } from './memory.ts';
import { MemoryTopic } from './memory-topic.ts';

const AGE_MS = 1_000;
const RETENTION = { messages: 1_000, ageMs: AGE_MS, bytes: 10_000_000 };

interface Rig {
  readonly clock: VirtualClock;
  readonly broker: MemoryBroker;
  readonly publish: (topic: string, payload?: string) => void;
}

function rig(maxBytes = 1e9): Rig {
  const clock = new VirtualClock();
  const broker = new MemoryBroker(
    {
      retention: { rules: [], fallback: RETENTION, direct: RETENTION },
      maxTopics: 100_000,
      maxBytes,
      idempotencyWindowMs: 1_000,
      idempotencyKeys: 10,
      forgetAfterMs: AGE_MS,
    },
    clock,
    new SeededRandom(1),
  );
  return {
    clock,
    broker,
    publish: (topic, payload = '1') => broker.publish(topic, draft(payload), () => {}),
  };
}

function lengthOf({ broker }: Rig, topic: string): number {
  let length = -1;
  broker.read(topic, { after: 'earliest', limit: 0, maxBytes: 0 }, (history) => {
    if ('top' in history) length = history.top + 1 - history.first;
  });
  return length;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a round through very many topics', () => {
  test('looks at 2,000 of them in one turn', () => {
    const looked = vi.spyOn(MemoryTopic.prototype, 'expire');
    const { broker, publish } = rig();
    for (let at = 0; at < 5_000; at += 1) publish(`chat.t${at}`);
    const turns: unknown[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      looked.mockClear();
      const remainder = broker.sweep();
      turns.push([looked.mock.calls.length, remainder]);
    }
    expect(turns).toEqual([
      [2_000, 'has_time'],
      [2_000, 'has_time'],
      [1_000, 'nothing'],
      [2_000, 'has_time'],
    ]);
  });

  test('drops what is too old of each, and topics that nobody uses', () => {
    const { clock, broker, publish } = rig();
    for (let at = 0; at < 5_000; at += 1) publish(`chat.t${at}`);
    clock.advance(2 * AGE_MS + 1);
    expect([broker.sweep(), broker.usage().topics]).toEqual(['has_time', 3_000]);
    expect([broker.sweep(), broker.usage().topics]).toEqual(['has_time', 1_000]);
    expect([broker.sweep(), broker.usage()]).toMatchObject(['nothing', { topics: 0, bytes: 0 }]);
  });

  test('gives readers nothing that is too old, also before it comes by', () => {
    const made = rig();
    made.publish('chat.a');
    made.clock.advance(AGE_MS + 1);
    expect(lengthOf(made, 'chat.a')).toBe(0);
  });
});

describe('a round while the logs take more than they may', () => {
  const MAX_BYTES = 4_000_000;
  const large = JSON.stringify('x'.repeat(10_000));

  /** Many small logs, and two large ones among them. */
  function crowded(): Rig {
    const made = rig(MAX_BYTES);
    for (let at = 0; at < 2_500; at += 1) {
      made.publish(`chat.t${at}`);
      made.publish(`chat.t${at}`);
    }
    for (let at = 0; made.broker.usage().bytes <= MAX_BYTES; at += 1) made.publish(`chat.large${at % 2}`, large);
    return made;
  }

  test('is urgent, shortens the largest logs, and leaves the small ones alone', () => {
    const made = crowded();
    const { broker } = made;
    const before = [0, 1].map((at) => lengthOf(made, `chat.large${at}`));
    const remainders = [broker.sweep(), broker.sweep(), broker.sweep()];
    expect(remainders).toEqual(['is_urgent', 'is_urgent', 'nothing']);
    expect(broker.usage().bytes).toBeLessThanOrEqual(MAX_BYTES * 0.9);
    expect(lengthOf(made, 'chat.t7')).toBe(2);
    expect(Math.min(...[0, 1].map((at) => lengthOf(made, `chat.large${at}`) / (before[at] ?? 0)))).toBeLessThan(0.6);
  });

  test('begins anew when the bytes become too many in the middle of another', () => {
    const looked = vi.spyOn(MemoryTopic.prototype, 'expire');
    const { broker, publish } = rig(MAX_BYTES);
    for (let at = 0; at < 2_500; at += 1) publish(`chat.t${at}`);
    expect(broker.sweep()).toBe('has_time');
    while (broker.usage().bytes <= MAX_BYTES) publish('chat.large', large);
    looked.mockClear();
    expect([broker.sweep(), looked.mock.calls.length]).toEqual(['is_urgent', 2_000]);
    for (let turns = 0; broker.sweep() !== 'nothing'; turns += 1) expect(turns).toBeLessThan(3);
    expect(broker.usage().bytes).toBeLessThanOrEqual(MAX_BYTES * 0.9);
  });

  test('ends where nothing can be shortened', () => {
    const { broker, publish } = rig(100_000);
    for (let at = 0; at < 12; at += 1) publish(`chat.large${at}`, large);
    expect(broker.usage().bytes).toBeGreaterThan(100_000);
    expect(broker.sweep()).toBe('nothing');
  });

  test('goes on to smaller logs when the large ones are a message each', () => {
    const made = rig(200_000);
    for (let at = 0; at < 150; at += 1) made.publish('chat.small', JSON.stringify('x'.repeat(400)));
    for (let at = 0; made.broker.usage().bytes <= 200_000; at += 1)
      made.publish(`chat.large${at}`, JSON.stringify('x'.repeat(60_000)));
    made.broker.sweep();
    expect(lengthOf(made, 'chat.small')).toBeLessThan(100);
  });
});
