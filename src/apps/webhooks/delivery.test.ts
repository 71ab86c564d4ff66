import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { Delivery, type DeliveryOptions, type Sent } from './delivery.ts';
import type { DeadLetter, EventQueue } from './event-queue.ts';

/** A queue in an array, which tests look into. */
class ArrayQueue implements EventQueue {
  readonly waiting: string[] = [];
  readonly letters: DeadLetter[] = [];
  private doneCount = 0;
  isElsewhere = false;

  open = () => Promise.resolve();
  flush = () => Promise.resolve();
  close = () => Promise.resolve();
  deadLetters = () => Promise.resolve(this.letters);
  replay = () => Promise.resolve(0);
  size = () => ({ events: this.waiting.length, bytes: 0, deadLetters: this.letters.length });
  put = (event: string): void => void this.waiting.push(event);
  peek = (limit: number) => {
    const events = this.waiting.slice(0, limit);
    return Promise.resolve(this.isElsewhere ? null : { events, end: this.doneCount + events.length });
  };
  done = (end: number) => {
    this.waiting.splice(0, end - this.doneCount);
    this.doneCount = end;
    return Promise.resolve();
  };
  bury = (letters: readonly DeadLetter[]) => {
    this.letters.push(...letters);
    return Promise.resolve();
  };
}

const DELIVERED: Sent = { kind: 'delivered' };
const AWAY: Sent = { kind: 'away', detail: 'ECONNREFUSED', isLate: false };
const LATE: Sent = { kind: 'away', detail: 'no answer', isLate: true };
const FAILED: Sent = { kind: 'failed', detail: 'status 500', retryAfterMs: undefined };
const REJECTED: Sent = { kind: 'rejected', detail: 'status 422' };

class Scene {
  readonly clock = new VirtualClock();
  readonly queue = new ArrayQueue();
  /** Numbers of the events in each request. */
  readonly requests: number[][] = [];
  readonly ids: string[] = [];
  readonly delays: number[] = [];
  answer: (events: readonly number[]) => Sent = () => DELIVERED;
  readonly delivery: Delivery;

  constructor(options: Partial<DeliveryOptions> = {}) {
    this.delivery = new Delivery(
      {
        batchEvents: 4,
        batchBytes: 1_000_000,
        retry: { firstMs: 100, maxMs: 1_000 },
        attempts: 3,
        maxAgeMs: 60_000,
        ...options,
      },
      this.queue,
      {
        clock: this.clock,
        scheduler: this.clock,
        random: { id: () => 'id', fraction: () => 1 },
        send: (id, events) => {
          const numbers = events.map((event) => (JSON.parse(event) as { readonly n: number }).n);
          this.requests.push(numbers);
          this.ids.push(id);
          return Promise.resolve(this.answer(numbers));
        },
      },
      {
        delivered: () => {},
        retrying: (_sent, _failures, delayMs) => this.delays.push(delayMs),
        gaveUp: () => {},
        broke: (error) => {
          throw error;
        },
      },
    );
  }

  put(...numbers: readonly number[]): void {
    for (const n of numbers) this.queue.put(JSON.stringify({ id: `e-${n}`, at: this.clock.now(), n }));
    this.delivery.wake();
  }

  /** Lets time pass second by second, as promises settle between. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      await turn();
      this.clock.advance(50);
    }
    await turn();
  }
}

test('events go in order, in batches, each once', async () => {
  const scene = new Scene();
  scene.put(1, 2, 3, 4, 5, 6);
  await scene.pass(0);
  expect(scene.requests).toEqual([
    [1, 2, 3, 4],
    [5, 6],
  ]);
  expect(scene.queue.waiting).toEqual([]);
});

test('what comes while it delivers follows at once', async () => {
  const scene = new Scene();
  scene.answer = ([first]) => {
    if (first === 1) scene.put(2);
    return DELIVERED;
  };
  scene.put(1);
  await scene.pass(0);
  expect(scene.requests).toEqual([[1], [2]]);
});

test('what comes between a look at the queue and its answer is not forgotten', async () => {
  const scene = new Scene();
  const { peek } = scene.queue;
  let isFirst = true;
  scene.queue.peek = (limit) => {
    const answer = peek(limit);
    if (scene.queue.waiting.length === 0 && isFirst) {
      isFirst = false;
      queueMicrotask(() => scene.put(2));
    }
    return answer;
  };
  scene.put(1);
  await scene.pass(0);
  expect(scene.requests).toEqual([[1], [2]]);
});

test('a backend that is away gets them when it is back: later and later, and nothing is given up', async () => {
  const scene = new Scene();
  scene.answer = () => AWAY;
  scene.put(1, 2);
  await scene.pass(5_000);
  expect(scene.delays.slice(0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(scene.queue.letters).toEqual([]);
  scene.answer = () => DELIVERED;
  await scene.pass(1_000);
  expect(scene.requests.at(-1)).toEqual([1, 2]);
  expect(scene.queue.waiting).toEqual([]);
});

test('every attempt with the same events has the same id', async () => {
  const scene = new Scene();
  scene.answer = () => AWAY;
  scene.put(1, 2);
  await scene.pass(1_000);
  expect(new Set(scene.ids)).toEqual(new Set(['e-1+1']));
});

test('the one event that the backend rejects becomes a dead letter, and the others are delivered in order', async () => {
  const scene = new Scene();
  scene.answer = (events) => (events.includes(3) ? REJECTED : DELIVERED);
  scene.put(1, 2, 3, 4);
  await scene.pass(0);
  expect(scene.queue.letters).toMatchObject([{ id: 'e-3', reason: 'rejected: status 422' }]);
  expect(scene.requests.filter((events) => !events.includes(3)).flat()).toEqual([1, 2, 4]);
});

test('the one event on which the backend fails is tried alone some times, then the others follow', async () => {
  const scene = new Scene();
  scene.answer = (events) => (events.includes(2) ? FAILED : DELIVERED);
  scene.put(1, 2, 3);
  await scene.pass(5_000);
  expect(scene.queue.letters).toMatchObject([{ id: 'e-2', reason: 'failed: status 500' }]);
  expect(scene.requests.filter((events) => events.length === 1 && events[0] === 2)).toHaveLength(3);
  expect(scene.requests.filter((events) => !events.includes(2)).flat()).toEqual([1, 3]);
});

test('a backend that takes too long for many gets them one by one, then more again', async () => {
  const scene = new Scene();
  scene.answer = (events) => (scene.requests.length < 4 && events.length > 1 ? LATE : DELIVERED);
  scene.put(1, 2, 3, 4, 5, 6, 7);
  await scene.pass(2_000);
  expect(scene.requests).toEqual([[1, 2, 3, 4], [1, 2, 3, 4], [1], [2, 3], [4, 5, 6, 7]]);
});

test('events that are too old become dead letters with the next failure, and not before one', async () => {
  const scene = new Scene({ maxAgeMs: 1_000 });
  scene.queue.put(JSON.stringify({ id: 'e-1', at: scene.clock.now() - 5_000, n: 1 }));
  scene.queue.put(JSON.stringify({ id: 'e-2', at: scene.clock.now() - 5_000, n: 2 }));
  scene.answer = () => AWAY;
  scene.put(3);
  await scene.pass(50);
  expect(scene.queue.letters.map(({ id }) => id)).toEqual(['e-1', 'e-2']);
  expect(scene.queue.waiting).toHaveLength(1);
  scene.answer = () => DELIVERED;
  await scene.pass(2_000);
  expect(scene.requests.at(-1)).toEqual([3]);
});

test('a queue that another node delivers is looked at again', async () => {
  const scene = new Scene();
  scene.queue.isElsewhere = true;
  scene.put(1);
  await scene.pass(2_000);
  expect(scene.requests).toEqual([]);
  scene.queue.isElsewhere = false;
  await scene.pass(1_000);
  expect(scene.requests).toEqual([[1]]);
});

test('after it has stopped nothing is sent', async () => {
  const scene = new Scene();
  scene.answer = () => AWAY;
  scene.put(1);
  await scene.pass(0);
  await scene.delivery.stop();
  scene.put(2);
  await scene.pass(5_000);
  expect(scene.requests).toEqual([[1]]);
  expect(scene.queue.waiting).toHaveLength(2);
});
