import { expect, test } from 'vitest';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { ConnectionsByNumber } from './connections-by-number.ts';

test('what has come is found until it goes, whatever else comes and goes', () => {
  const random = new SeededRandom(1);
  const index = new ConnectionsByNumber<{ readonly number: number }>();
  const there = new Map<number, { readonly number: number }>();
  for (let number = 1; number <= 2_000; number += random.between(1, 3)) {
    const connection = { number };
    index.add(connection);
    there.set(number, connection);
    while (there.size > 0 && random.chance(0.49)) {
      const gone = random.pick([...there.keys()]);
      there.delete(gone);
      index.remove(gone);
      index.remove(gone);
    }
    const asked = random.between(0, number + 1);
    expect(index.get(asked)).toBe(there.get(asked));
  }
  for (let number = 0; number <= 2_010; number += 1) expect(index.get(number)).toBe(there.get(number));
  expect(index.get(Number.NaN)).toBeUndefined();
});

test('a connection that is gone is not kept', () => {
  const index = new ConnectionsByNumber<{ readonly number: number }>();
  for (let number = 1; number <= 100; number += 1) index.add({ number });
  for (let number = 1; number <= 100; number += 1) index.remove(number);
  expect((index as unknown as { entries: unknown[] }).entries).toEqual([]);
});
