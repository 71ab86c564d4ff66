import { expect, test } from 'vitest';
import { dropOldest } from './drop-oldest.ts';

test('a map keeps to its bound, and the oldest leave first', () => {
  for (const capacity of [1, 2, 63, 64, 1_000]) {
    const entries = new Map<number, string>();
    for (let key = 0; key < 3_000; key += 1) {
      entries.set(key, '');
      dropOldest(entries, capacity);
      const least = Math.min(key + 1, capacity - capacity / 64);
      const isKept = entries.size <= capacity && entries.size >= least && entries.has(key);
      if (!isKept) expect.fail(`expected ${least} to ${capacity} entries with ${key}, got ${entries.size}`);
    }
    expect([...entries.keys()]).toEqual(Array.from({ length: entries.size }, (_, at) => 3_000 - entries.size + at));
  }
});
