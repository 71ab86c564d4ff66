import { describe, expect, test } from 'vitest';
import { SharedProgress } from './window.ts';

function shared(): readonly [SharedProgress, SharedProgress] {
  const memory = new SharedArrayBuffer(SharedProgress.bytes);
  return [new SharedProgress(memory), new SharedProgress(memory)];
}

describe('deliveries counted over threads', () => {
  test('one thread sees what another has added', () => {
    const [publisher, subscriber] = shared();
    const mark = publisher.mark();
    subscriber.add(3);
    publisher.add(4);
    expect(publisher.since(mark)).toBe(7);
  });

  test('exactly one is told to wake the publisher, when enough has arrived', () => {
    const [publisher, subscriber] = shared();
    expect(subscriber.add(100)).toBe(false);
    publisher.wakeAfter(10);
    expect(subscriber.add(9)).toBe(false);
    expect(subscriber.add(1)).toBe(true);
    expect(subscriber.add(50)).toBe(false);
    publisher.wakeAfter(1);
    expect(subscriber.add(1)).toBe(true);
  });

  test('the count may pass 32 bits', () => {
    const [publisher, subscriber] = shared();
    for (let times = 0; times < 4; times += 1) subscriber.add(0x3fff_ffff);
    const mark = publisher.mark();
    publisher.wakeAfter(100);
    expect(subscriber.add(99)).toBe(false);
    expect(subscriber.add(2)).toBe(true);
    expect(publisher.since(mark)).toBe(101);
  });
});
