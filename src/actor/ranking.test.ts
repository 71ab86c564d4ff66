import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ranking } from './ranking.ts';

test('counts and names who has most, as a plain map would', () => {
  const step = fc.record({ adds: fc.boolean(), key: fc.constantFrom('a', 'b', 'c', 'd') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ranking = new Ranking();
      const model = new Map<string, number>();
      for (const { adds, key } of steps) {
        if (adds) ranking.add(key);
        else ranking.remove(key);
        model.set(key, Math.max(0, (model.get(key) ?? 0) + (adds ? 1 : -1)));
        const most = Math.max(...model.values());
        const first = ranking.first();
        expect(ranking.count(key)).toBe(model.get(key));
        if (most === 0) expect(first).toBeNull();
        else expect(model.get(first ?? '')).toBe(most);
      }
    }),
  );
});
