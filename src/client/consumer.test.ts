/** A reader that has read ahead in the log hears nothing twice of what its topic brings. */
import { expect, test } from 'vitest';
import { Consumer } from './consumer.ts';
import { hole, type Item } from './items.ts';
import { textOf } from './test-rig.ts';

test('messages and gaps that it has passed are dropped, gaps that reach beyond are clipped, a live item moves nothing', () => {
  const seen: string[] = [];
  const events = { committed: () => {}, drained: () => {}, threw: () => {}, refused: () => {} };
  const consumer = new Consumer((item) => seen.push(textOf(item)), true, { maxMessages: 10, maxBytes: 100 }, events);
  consumer.position = { epoch: 'e', sequence: 5 };
  const message = (sequence: number): Item =>
    ({ kind: 'message', topic: 'a', payload: sequence, sequence, epoch: 'e', from: 'bob' }) as Item;
  const live: Item = { kind: 'live', topic: 'a', position: { epoch: 'e', sequence: 2 } };
  const items = [
    message(4),
    hole('a', 'trimmed', 1, 5, 'e'),
    live,
    hole('a', 'trimmed', 3, 8, 'e'),
    message(8),
    message(9),
  ];
  expect(items.map((item) => consumer.push(item, 1))).toEqual(items.map(() => true));
  expect(seen).toEqual(['live', 'gap 6..8', '9']);
  expect(consumer.position).toEqual({ epoch: 'e', sequence: 9 });
});

test('ahead of its topic it takes nothing of another epoch, and forgets nothing: only the log can tell what it has missed', () => {
  const seen: string[] = [];
  const events = { committed: () => {}, drained: () => {}, threw: () => {}, refused: () => {} };
  const consumer = new Consumer((item) => seen.push(textOf(item)), true, { maxMessages: 10, maxBytes: 100 }, events);
  const position = { epoch: 'e1', sequence: 2 };
  consumer.position = position;
  const message = (sequence: number): Item =>
    ({ kind: 'message', topic: 'a', payload: sequence, sequence, epoch: 'e2', from: 'bob' }) as Item;
  expect([consumer.push(message(2), 1), consumer.push(hole('a', 'trimmed', 2, 4, 'e2'), 0)]).toEqual([false, false]);
  expect([seen, consumer.position]).toEqual([[], position]);
  expect([consumer.push(message(3), 1), seen]).toEqual([true, ['3']]);
});
