/** What a benchmark calls missing had its time to come, and what comes too late is of no later round. */
import { expect, test } from 'vitest';
import { Arrivals } from '../bench/redis/arrivals.ts';
import { within } from './harness/deadline.ts';

const FOREVER_MS = 3_600_000;

test('the last ones are waited for, as long as they may take', async () => {
  const arrivals = new Arrivals(() => performance.now());
  arrivals.begin();
  arrivals.arrived(performance.now());
  const missing = arrivals.settle(3, FOREVER_MS);
  let isSettled = false;
  void missing.then(() => (isSettled = true));
  setTimeout(() => arrivals.arrived(performance.now()), 20);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(isSettled).toBe(false);
  arrivals.arrived(performance.now());
  expect(await within(missing, 'the last one')).toBe(0);
  expect(arrivals.latencies).toHaveLength(3);
});

test('what does not come within the bound is missing, and counts in no later round', async () => {
  let now = 1;
  const arrivals = new Arrivals(() => now);
  arrivals.begin();
  arrivals.arrived(1);
  const missing = arrivals.settle(3, 1_000);
  now += 1_000;
  expect(await missing).toBe(2);
  arrivals.begin();
  arrivals.arrived(500);
  expect(arrivals.latencies).toEqual([]);
  now += 7;
  arrivals.arrived(now - 7);
  expect(arrivals.latencies).toEqual([7]);
});
