import { expect, test } from 'vitest';
import { LINEAR } from '../../test/harness/growth.ts';
import { stepGrowthOf } from '../../test/harness/steps.ts';
import { dropOldest } from './drop-oldest.ts';

test('newcomers to a full map cost what they cost a small one', () => {
  const growth = stepGrowthOf(
    (size) => {
      const entries = new Map<number, string>();
      let key = 0;
      return () => {
        for (let at = 0; at < size; at += 1) {
          key += 1;
          entries.set(key, '');
          dropOldest(entries, size);
        }
      };
    },
    4_000,
    { holes: true },
  );
  expect(growth).toBeLessThanOrEqual(LINEAR);
});
