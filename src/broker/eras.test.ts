import { expect, test } from 'vitest';
import { epochAt } from './eras.ts';

test('a message belongs to the newest epoch that began at or before it', () => {
  const eras = {
    epoch: 'c',
    first: 8,
    lineage: [
      { epoch: 'b', first: 5 },
      { epoch: 'a', first: 2 },
    ],
  };
  expect([1, 2, 4, 5, 7, 8, 9].map((sequence) => epochAt(sequence, eras)).join('')).toBe('aaabbcc');
  expect(epochAt(1, { epoch: 'c', first: 8, lineage: [] })).toBe('c');
});
