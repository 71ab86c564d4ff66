import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createPacer, type Pacer, type Publishing } from './pacing.ts';
import type { LoadPlan } from './plan.ts';
import { planOf } from './test-rig.ts';
import { SharedProgress } from './window.ts';

interface Sent {
  readonly topic: number;
  readonly stamp: number;
}

class Connection implements Publishing {
  pending = 0;
  corked = 0;
  readonly sent: Sent[] = [];
  readonly link = {
    isOpen: true,
    cork: () => {
      this.corked += 1;
    },
    uncork: () => {
      this.corked -= 1;
    },
  };

  publish(topic: number, stamp: number): void {
    this.pending += 1;
    this.sent.push({ topic, stamp });
  }
}

interface Stage {
  readonly pacer: Pacer;
  readonly connections: readonly Connection[];
  readonly clock: { us: number; now(): number };
  readonly counts: { skipped: number };
  readonly late: number[];
  readonly progress: SharedProgress;
  /** Everything sent so far, in the order of stamps. */
  readonly sent: () => Sent[];
}

function stage(changes: Partial<LoadPlan>, thread = 0, connections = 1): Stage {
  const all = Array.from({ length: connections }, () => new Connection());
  const clock = {
    us: 0,
    now(): number {
      return this.us;
    },
  };
  const counts = { skipped: 0 };
  const late: number[] = [];
  const progress = new SharedProgress(new SharedArrayBuffer(SharedProgress.bytes));
  const tally = { counts, sentLate: (stamp: number, now: number) => void late.push(now - stamp) };
  const pacer = createPacer({ plan: planOf(changes), thread, publishers: all, clock, tally, progress });
  const sent = (): Sent[] => all.flatMap((one) => one.sent).sort((a, b) => a.stamp - b.stamp);
  return { pacer, connections: all, clock, counts, late, progress, sent };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('an open loop', () => {
  const RATE = { pace: { kind: 'rate', perSecond: 1_000 }, topics: 3, publishers: 2 } as const;

  test('publishes at its times, no matter when anybody looks', () => {
    const { pacer, clock, sent } = stage(RATE);
    pacer.start(5_000, 1_000_000);
    for (const now of [0, 4_999, 5_000, 5_001, 6_700, 9_001]) {
      clock.us = now;
      pacer.beat();
    }
    expect(sent().map(({ stamp }) => stamp)).toEqual([5_000, 6_000, 7_000, 8_000, 9_000]);
    expect(sent().map(({ topic }) => topic)).toEqual([0, 1, 2, 0, 1]);
  });

  test('after standing still, what was due is sent with the times at which it was due', () => {
    const { pacer, clock, sent, late } = stage(RATE);
    pacer.start(0, 10_000_000);
    clock.us = 1;
    pacer.beat();
    clock.us = 500_001;
    pacer.beat();
    expect(sent().map(({ stamp }) => stamp)).toEqual(Array.from({ length: 501 }, (_, at) => at * 1_000));
    expect(Math.max(...late)).toBe(499_001);
  });

  test('threads share the numbers without overlap, connections take turns', () => {
    const threads = [0, 1].map((thread) => stage({ ...RATE, threads: 2, publishers: 4 }, thread, 2));
    for (const { pacer, clock } of threads) {
      pacer.start(0, 1_000_000);
      clock.us = 10_001;
      pacer.beat();
    }
    const stamps = threads.map(({ sent }) => sent().map(({ stamp }) => stamp));
    expect(stamps).toEqual([
      [0, 2_000, 4_000, 6_000, 8_000, 10_000],
      [1_000, 3_000, 5_000, 7_000, 9_000],
    ]);
    expect(threads[0]?.connections.map(({ sent }) => sent.length)).toEqual([3, 3]);
    expect(threads[0]?.connections.map(({ corked }) => corked)).toEqual([0, 0]);
  });

  test('sends nothing that is due after the end', () => {
    const { pacer, clock, sent } = stage(RATE);
    pacer.start(0, 3_000);
    clock.us = 9_000;
    pacer.beat();
    pacer.stop();
    pacer.beat();
    expect(sent().map(({ stamp }) => stamp)).toEqual([0, 1_000, 2_000]);
  });

  test('when nothing is answered for ten seconds, no more is sent, and that is counted', () => {
    const { pacer, clock, sent, counts } = stage(RATE);
    pacer.start(0, 60_000_000);
    clock.us = 15_000_000;
    pacer.beat();
    expect([sent().length, counts.skipped]).toEqual([10_000, 5_000]);
  });

  test('what a closed connection should have sent is counted as not sent', () => {
    const { pacer, clock, connections, counts } = stage(RATE, 0, 2);
    (connections[1] as Connection).link.isOpen = false;
    pacer.start(0, 1_000_000);
    clock.us = 9_001;
    pacer.beat();
    expect([connections[0]?.sent.length, counts.skipped]).toEqual([5, 5]);
  });
});

describe('a window over deliveries', () => {
  const WINDOW = { pace: { kind: 'window', inFlight: 3 }, topics: 2, subscribers: 10, publishers: 1 } as const;

  test('is full after so many, and opens when all subscribers have one', () => {
    const { pacer, progress, sent } = stage(WINDOW);
    pacer.start(0, Infinity);
    vi.advanceTimersByTime(0);
    expect(sent()).toHaveLength(3);
    expect(progress.add(9)).toBe(false);
    pacer.wake();
    expect(sent()).toHaveLength(3);
    expect(progress.add(1)).toBe(true);
    pacer.wake();
    expect(sent()).toHaveLength(4);
    progress.add(30);
    pacer.wake();
    expect(sent()).toHaveLength(7);
  });

  test('a refused publish makes room, but not at once', () => {
    const { pacer, connections, clock, sent } = stage(WINDOW);
    pacer.start(0, Infinity);
    vi.advanceTimersByTime(0);
    pacer.answered(connections[0] as Connection, 50);
    pacer.wake();
    expect(sent()).toHaveLength(3);
    clock.us = 51_000;
    vi.advanceTimersByTime(51);
    expect(sent()).toHaveLength(4);
  });

  test('deliveries that never come do not end the run', () => {
    const { pacer, sent } = stage(WINDOW);
    pacer.start(0, Infinity);
    vi.advanceTimersByTime(1_999);
    expect(sent()).toHaveLength(3);
    vi.advanceTimersByTime(1);
    expect(sent()).toHaveLength(6);
    pacer.stop();
    vi.advanceTimersByTime(60_000);
    expect(sent()).toHaveLength(6);
  });
});

describe('round trips', () => {
  const TRIPS = { pace: { kind: 'round-trips', inFlight: 2 }, topics: 10, threads: 3, publishers: 10 } as const;

  test('every connection has so many in flight, each on its own topic', () => {
    const { pacer, connections } = stage(TRIPS, 1, 3);
    pacer.start(0, Infinity);
    vi.advanceTimersByTime(0);
    expect(connections.map(({ sent }) => sent.map(({ topic }) => topic))).toEqual([
      [1, 1],
      [4, 4],
      [7, 7],
    ]);
    const first = connections[0] as Connection;
    first.pending -= 1;
    pacer.answered(first, 0);
    expect(connections.map(({ sent }) => sent.length)).toEqual([3, 2, 2]);
    first.pending -= 1;
    pacer.answered(first, 30);
    expect(first.sent).toHaveLength(3);
    vi.advanceTimersByTime(30);
    expect(first.sent).toHaveLength(4);
    pacer.stop();
    first.pending = 0;
    pacer.answered(first, 0);
    expect(first.sent).toHaveLength(4);
  });
});
