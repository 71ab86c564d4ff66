/** Rounds through very many things take turns of their own, one after the other. */
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import type { Remainder } from './round.ts';
import { Sweeps } from './sweeps.ts';

/** Sweeps whose rounds take so many turns; every turn is written down with its time. */
function rig(rounds: Readonly<Record<string, { readonly turns: number; readonly remainder?: Remainder }>>) {
  const clock = new VirtualClock();
  const taken: string[] = [];
  const parts = Object.entries(rounds).map(([name, { turns, remainder = 'has_time' }]) => {
    let left = 0;
    return (): Remainder => {
      if (left === 0) left = turns;
      left -= 1;
      taken.push(`${name} ${clock.elapsed()}`);
      return left === 0 ? 'nothing' : remainder;
    };
  });
  const sweeps: Sweeps = new Sweeps(clock, parts, () => sweeps.goOn());
  return { clock, taken, sweeps };
}

describe('rounds', () => {
  test('that are over in one turn wait for the next beat', () => {
    const { clock, taken, sweeps } = rig({ topics: { turns: 1 } });
    sweeps.beat();
    clock.advance(1_000);
    sweeps.beat();
    expect([taken, clock.pendingTimers]).toEqual([['topics 0', 'topics 1000'], 0]);
  });

  test('that take several turns go on between beats, and the others do not begin anew meanwhile', () => {
    const { clock, taken, sweeps } = rig({ topics: { turns: 3 }, sessions: { turns: 1 } });
    sweeps.beat();
    clock.advance(999);
    expect(taken).toEqual(['topics 0', 'sessions 0', 'topics 100', 'topics 200']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('that somebody waits for take the very next turns', () => {
    const { clock, taken, sweeps } = rig({ topics: { turns: 3, remainder: 'is_urgent' } });
    sweeps.beat();
    clock.advance(2);
    expect(taken).toEqual(['topics 0', 'topics 1', 'topics 2']);
  });

  test('end with the node', () => {
    const { clock, taken, sweeps } = rig({ topics: { turns: 3 } });
    sweeps.beat();
    sweeps.end();
    clock.advance(10_000);
    expect([taken, clock.pendingTimers]).toEqual([['topics 0'], 0]);
  });

  test('that failed go on with the next beat', () => {
    const clock = new VirtualClock();
    let isFailing = true;
    let taken = 0;
    const part = (): Remainder => {
      if (isFailing) throw new Error('planted');
      taken += 1;
      return 'nothing';
    };
    const sweeps: Sweeps = new Sweeps(clock, [part], () => sweeps.goOn());
    expect(() => sweeps.beat()).toThrow('planted');
    isFailing = false;
    sweeps.beat();
    expect(taken).toBe(1);
  });
});
