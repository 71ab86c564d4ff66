/** When workers are started, started again, given up and replaced: on virtual time, with workers that are none. */
import { beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { silentLog } from '../../telemetry/log.ts';
import { restartDelay } from './back-off.ts';
import type { Worker, WorkerEvents } from './worker-process.ts';
import { WorkerSupervisor } from './worker-supervisor.ts';

/** Does what the test says, and remembers what it was told. */
class FakeWorker implements Worker {
  readonly pid = 1;
  readonly metrics = null;
  readonly drains: { readonly graceMs: number; readonly listenerFirst: boolean }[] = [];
  answers = true;
  isKilled = false;
  readonly name: string;
  readonly events: WorkerEvents;

  constructor(name: string, events: WorkerEvents) {
    this.name = name;
    this.events = events;
  }

  call(): Promise<never> {
    return this.answers ? (Promise.resolve(null) as Promise<never>) : Promise.reject(new Error('hangs'));
  }

  drain(graceMs: number, listenerFirst: boolean): void {
    this.drains.push({ graceMs, listenerFirst });
  }

  kill(): void {
    this.isKilled = true;
    this.events.ended('SIGKILL');
  }
}

let time: VirtualClock;
let launched: FakeWorker[];
let alerts: Readonly<Record<string, unknown>>[];
let allGone: number;
let supervisor: WorkerSupervisor;

beforeEach(() => {
  time = new VirtualClock();
  launched = [];
  alerts = [];
  allGone = 0;
  supervisor = new WorkerSupervisor(
    ['n-w1', 'n-w2'],
    {
      clock: time,
      scheduler: time,
      // The middle: delays are neither longer nor shorter.
      random: { id: () => 'id', fraction: () => 0.5 },
      log: silentLog,
      alerts: { raise: (_, fields) => void alerts.push(fields) },
      launch: (name, events) => {
        const worker = new FakeWorker(name, events);
        launched.push(worker);
        return worker;
      },
      retired: () => {},
    },
    () => {
      allGone += 1;
    },
  );
});

const newest = (name: string): FakeWorker => launched.findLast((it) => it.name === name) as FakeWorker;
const states = (): string[] => supervisor.slots.map(({ state }) => state);
/** Lets promises that are settled go on. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Lets time pass in which answers come. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5_000) {
    time.advance(Math.min(left, 5_000));
    await settled();
  }
}

async function serving(): Promise<void> {
  const started = supervisor.start();
  for (const worker of launched) worker.events.serving();
  expect(await started).toBe(2);
}

describe('a worker that crashes', () => {
  test('is started again after a pause that doubles, and is never longer than 30 s', async () => {
    await serving();
    for (const pause of [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
      const before = launched.length;
      newest('n-w1').events.ended(1);
      expect(states()).toEqual(['waiting', 'serving']);
      await pass(pause - 1);
      expect(launched.length).toBe(before);
      await pass(1);
      expect(launched.length).toBe(before + 1);
      newest('n-w1').events.serving();
      expect(states()).toEqual(['serving', 'serving']);
    }
    expect(supervisor.slots.map(({ restarts }) => restarts)).toEqual([10, 0]);
  });

  test('raises an alert at the third crash in a row, and at every tenth after it', async () => {
    await serving();
    for (let crash = 1; crash <= 23; crash += 1) {
      newest('n-w1').events.ended('SIGSEGV');
      await pass(30_000);
    }
    expect(alerts.map(({ crashes }) => crashes)).toEqual([3, 13, 23]);
    expect(alerts[0]).toMatchObject({ worker: 'n-w1', ended_with: 'SIGSEGV', restart_in_ms: 800 });
  });

  test('begins anew when it has served for a minute', async () => {
    await serving();
    for (let crash = 1; crash <= 5; crash += 1) {
      newest('n-w1').events.ended(1);
      await pass(200);
      newest('n-w1').events.serving();
      await pass(60_000);
    }
    expect([alerts, supervisor.slots[0]?.restarts]).toEqual([[], 5]);
  });

  test('does not start together with others: a quarter up or down', () => {
    expect([0, 0.5, 0.999].map((fraction) => restartDelay(1, fraction))).toEqual([150, 200, 250]);
    expect(restartDelay(50, 0.999)).toBe(30_000);
  });
});

test('a worker that hangs is killed and replaced; one that is only late is not', async () => {
  await serving();
  const [hung, late] = [newest('n-w1'), newest('n-w2')];
  hung.answers = false;
  for (let beat = 1; beat <= 5; beat += 1) {
    late.answers = beat % 3 === 0;
    time.advance(5_000);
    await settled();
  }
  expect([hung.isKilled, late.isKilled]).toEqual([true, false]);
  time.advance(200);
  expect(newest('n-w1')).not.toBe(hung);
});

describe('the end', () => {
  test('drains one after the other within one grace period; the last keeps its listener', async () => {
    await serving();
    const [first, second] = [newest('n-w1'), newest('n-w2')];
    const ended = supervisor.drainAll(20_000);
    expect([first.drains, second.drains]).toEqual([[{ graceMs: 10_000, listenerFirst: true }], []]);
    time.advance(4_000);
    first.events.ended(0);
    await settled();
    expect(second.drains).toEqual([{ graceMs: 16_000, listenerFirst: false }]);
    second.events.ended(0);
    await ended;
    expect([states(), allGone]).toEqual([['gone', 'gone'], 0]);
  });

  test('does not wait for a worker in its pause, and kills one that does not end', async () => {
    await serving();
    newest('n-w1').events.ended(1);
    const hung = newest('n-w2');
    const ended = supervisor.drainAll(20_000);
    await settled();
    time.advance(24_999);
    expect(hung.isKilled).toBe(false);
    time.advance(1);
    expect(hung.isKilled).toBe(true);
    await ended;
    time.advance(60_000);
    expect(launched).toHaveLength(2);
  });
});

describe('operators', () => {
  test('who drain a worker are not contradicted; the parent ends with the last one', async () => {
    await serving();
    for (const [at, name] of ['n-w1', 'n-w2'].entries()) {
      expect(allGone).toBe(0);
      newest(name).events.leaving();
      expect(states()[at]).toBe('draining');
      newest(name).events.ended(0);
    }
    time.advance(60_000);
    expect([states(), launched.length, allGone]).toEqual([['gone', 'gone'], 2, 1]);
  });
});

describe('a rolling restart', () => {
  test('replaces each when the one before serves, and brings back who was drained', async () => {
    await serving();
    const [first, second] = [newest('n-w1'), newest('n-w2')];
    first.events.leaving();
    first.events.ended(0);
    const rolled = supervisor.roll(9_000);
    await settled();
    expect([launched.length, second.drains]).toEqual([3, []]);
    newest('n-w1').events.serving();
    await settled();
    expect(second.drains).toEqual([{ graceMs: 9_000, listenerFirst: true }]);
    second.events.ended(0);
    await settled();
    newest('n-w2').events.serving();
    await rolled;
    expect([states(), allGone]).toEqual([['serving', 'serving'], 0]);
  });

  test('stops at the first that does not serve: the others are all there is', async () => {
    await serving();
    const [first, second] = [newest('n-w1'), newest('n-w2')];
    const rolled = supervisor.roll(9_000);
    first.events.ended(0);
    await settled();
    newest('n-w1').events.ended(1);
    await rolled;
    expect([states(), second.drains]).toEqual([['waiting', 'serving'], []]);
  });

  test('gives way to the end', async () => {
    await serving();
    const [first, second] = [newest('n-w1'), newest('n-w2')];
    const rolled = supervisor.roll(9_000);
    const ended = supervisor.drainAll(4_000);
    first.events.ended(0);
    await rolled;
    await settled();
    expect(second.drains).toHaveLength(1);
    second.events.ended(0);
    await ended;
    expect([states(), launched.length]).toEqual([['gone', 'gone'], 2]);
  });
});
