import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedQueue, type QueueLimits } from './bounded-queue.ts';

interface Item {
  readonly number: number;
  readonly size: number;
}

function queueOf(limits: Partial<QueueLimits>): BoundedQueue<string> {
  return new BoundedQueue<string>({ capacity: 100, bytes: 1_000, ...limits });
}

test('a full queue refuses the new message', () => {
  const queue = queueOf({ capacity: 2 });
  expect(['a', 'b', 'c'].map((message) => queue.offer(message, 1))).toEqual([true, true, false]);
  expect([queue.take(), queue.take(), queue.take()]).toEqual(['a', 'b', undefined]);
});

test('an empty queue takes a message larger than its bytes', () => {
  const queue = queueOf({ bytes: 10 });
  expect([queue.offer('large', 11), queue.offer('small', 1)]).toEqual([true, false]);
});

test('an empty queue gives nothing', () => {
  const queue = queueOf({});
  expect(queue.take()).toBeUndefined();
  expect([queue.length, queue.bytes]).toEqual([0, 0]);
});

test('a queue knows since when its oldest message has waited', () => {
  const queue = queueOf({ capacity: 2 });
  expect(queue.oldestAt).toBeUndefined();
  for (const at of [10, 20, 30]) queue.offer(`at ${at}`, 1, at);
  expect(queue.oldestAt).toBe(10);
  queue.take();
  expect(queue.oldestAt).toBe(20);
  queue.take();
  expect(queue.oldestAt).toBeUndefined();
});

test('a message can be undefined and still counts', () => {
  const queue = new BoundedQueue<undefined>({ capacity: 2, bytes: 10 });
  queue.offer(undefined, 3);
  expect([queue.length, queue.bytes]).toEqual([1, 3]);
  queue.take();
  expect([queue.length, queue.bytes]).toEqual([0, 0]);
});

const bounds = fc.record({ capacity: fc.integer({ min: 1, max: 40 }), bytes: fc.integer({ min: 1, max: 500 }) });
const steps = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('offer' as const), size: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
  ),
  { maxLength: 150, size: 'max' },
);

test('a queue does what a list with the same bounds does', () => {
  fc.assert(
    fc.property(bounds, steps, ({ capacity, bytes }, list) => {
      const queue = new BoundedQueue<Item>({ capacity, bytes });
      const model: Item[] = [];
      const sum = (): number => model.reduce((total, { size }) => total + size, 0);
      for (const [number, step] of list.entries()) {
        if (step.kind === 'offer') {
          const item = { number, size: step.size };
          const fits = model.length === 0 || (model.length < capacity && sum() + item.size <= bytes);
          if (fits) model.push(item);
          expect(queue.offer(item, item.size, number)).toBe(fits);
        } else expect(queue.take()).toBe(model.shift());
        expect([queue.length, queue.bytes]).toEqual([model.length, sum()]);
        expect(queue.oldestAt).toBe(model[0]?.number);
        expect(queue.length).toBeLessThanOrEqual(capacity);
        expect(queue.length === 1 || queue.bytes <= bytes).toBe(true);
      }
      for (const item of model) expect(queue.take()).toBe(item);
      expect(queue.take()).toBeUndefined();
      expect(queue.bytes).toBe(0);
    }),
  );
});
