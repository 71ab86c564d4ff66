import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeadLetters, type DeadLetter } from './dead-letters.ts';

function letter(at: number, more: Partial<DeadLetter> = {}): DeadLetter {
  return { at, actor: 'a', error: `error ${at}`, message: `message ${at}`, ...more };
}

test('letters are listed as they were added, newest first', () => {
  const letters = new DeadLetters(10);
  for (const at of [1, 2, 3]) letters.add(letter(at));
  expect(letters.list()).toEqual([letter(3), letter(2), letter(1)]);
});

test('the newest are kept, as many as there is room for, and all are counted', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(60), (capacity, count) => {
      const letters = new DeadLetters(capacity);
      const all = Array.from({ length: count }, (_, at) => letter(at));
      for (const one of all) letters.add(one);
      expect(letters.total).toBe(count);
      expect(letters.list()).toEqual(all.toReversed().slice(0, capacity));
    }),
  );
});

test('long texts are cut to 4,096 characters', () => {
  const letters = new DeadLetters(1);
  letters.add(letter(1, { error: 'e'.repeat(5_000), message: 'm'.repeat(4_097) }));
  expect(letters.list()).toEqual([letter(1, { error: 'e'.repeat(4_096), message: 'm'.repeat(4_096) })]);
});

test('a failure without a message stays without one', () => {
  const letters = new DeadLetters(1);
  letters.add(letter(1, { message: null }));
  expect(letters.list()).toEqual([letter(1, { message: null })]);
});

test('a list does not change with what is added later', () => {
  const letters = new DeadLetters(2);
  letters.add(letter(1));
  const list = letters.list();
  letters.add(letter(2));
  letters.add(letter(3));
  expect(list).toEqual([letter(1)]);
});

test('letters of one moment are listed newest first too, also once the ring is full', () => {
  const letters = new DeadLetters(3);
  const errors = (): string[] => letters.list().map(({ error }) => error);
  for (const [count, expected] of [
    [2, ['1', '0']],
    [3, ['2', '1', '0']],
    [5, ['4', '3', '2']],
  ] as const) {
    while (letters.total < count) letters.add({ at: 7, actor: 'a', error: String(letters.total), message: null });
    expect(errors()).toEqual(expected);
  }
});
