/** How the steps of a piece of work grow when its input doubles: 2 when it is linear, 4 when it is quadratic. */
import { blocksRun } from './counted.ts';
import type { Prepare } from './growth.ts';
import { HOLES, nativeSteps, WALKS } from './native-walks.ts';

/** To compare or copy one element takes the engine's own code about so much of the time of a block. */
const NATIVE = 1 / 16;

interface Counting {
  /** Whether it is work that removes the first entries of maps again and again. */
  readonly holes?: boolean;
}

/** @returns the steps for `size` in times of those for half of it */
export function stepGrowthOf(prepare: Prepare, size: number, { holes = false }: Counting = {}): number {
  const walks = holes ? [...WALKS, ...HOLES] : WALKS;
  const stepsOf = (work: () => void): number => {
    // The first run may prepare what later ones find.
    work();
    blocksRun();
    const native = nativeSteps(work, walks);
    return blocksRun() + native * NATIVE;
  };
  return stepsOf(prepare(size)) / stepsOf(prepare(size / 2));
}
