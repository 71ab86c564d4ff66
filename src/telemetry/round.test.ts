import { describe, expect, test } from 'vitest';
import { Round } from './round.ts';

function filled(size: number): Map<number, number> {
  return new Map(Array.from({ length: size }, (_, at) => [at, at]));
}

/** What each turn looked at, until the round is over. */
function turns(round: Round<number>, most: number, look: (item: number) => void = () => {}): number[][] {
  const all: number[][] = [];
  while (!round.isOver) {
    const seen: number[] = [];
    round.next(most, (item) => {
      seen.push(item);
      look(item);
    });
    all.push(seen);
  }
  return all;
}

describe('a round', () => {
  test('looks at each item once, and at so many in one turn', () => {
    const round = new Round<number>();
    round.begin(filled(7).values(), 7);
    expect(turns(round, 3)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  test('is over with its last item, and at once where there is none', () => {
    const round = new Round<number>();
    expect(round.isOver).toBe(true);
    round.begin(filled(6).values(), 6);
    expect(turns(round, 3)).toHaveLength(2);
    round.begin(filled(0).values(), 0);
    expect(turns(round, 3)).toEqual([[]]);
  });

  test('passes over what goes, and leaves what comes to the next round', () => {
    const items = filled(6);
    const round = new Round<number>();
    round.begin(items.values(), 6);
    let more = 100;
    const seen = turns(round, 2, (item) => {
      items.delete(item);
      items.set((more += 1), more);
    });
    expect(seen.flat()).toEqual([0, 1, 2, 3, 4, 5]);
    round.begin(items.values(), items.size);
    items.delete(101);
    expect(turns(round, 4).flat()).toEqual([102, 103, 104, 105, 106]);
  });
});
