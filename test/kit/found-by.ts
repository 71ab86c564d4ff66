/** Whether seeds find a bug that is planted. Those that are known to find it are tried first: others need no trying then. */
import { expect } from 'vitest';
import { KNOWN_SEEDS } from './known-seeds.ts';

const MOST = 1_000;

/** @param findingOf what a seed finds in the world with the bug of this test, or null */
export async function expectFound(findingOf: (seed: number) => unknown): Promise<void> {
  const bug = expect.getState().currentTestName?.split(' > ').at(-1) ?? '';
  for (const known of KNOWN_SEEDS[bug] ?? []) if ((await findingOf(known)) !== null) return;
  let seed = 1;
  while (seed <= MOST && (await findingOf(seed)) === null) seed += 1;
  expect(seed, `none of ${MOST} seeds finds it`).toBeLessThanOrEqual(MOST);
}
