/** A benchmark's rate is that of the clock, whatever its timers do. */
import { expect, test } from 'vitest';
import { sendSteadily } from '../bench/steady.ts';

test('a timer that comes late makes up for what it missed, and each has its number once', async () => {
  let at = 0;
  const sent: { number: number; at: number }[] = [];
  const late = [1, 1, 50, 1];
  const wait = (): Promise<void> => {
    at += late.shift() ?? 10;
    return Promise.resolve();
  };
  const rate = { rate: 500, seconds: 1 };
  const count = await sendSteadily(rate, (number) => sent.push({ number, at }), { now: () => at, wait });
  expect(sent.map(({ number }) => number)).toEqual(Array.from({ length: count }, (_, number) => number));
  expect(count).toBeGreaterThanOrEqual(490);
  expect(count).toBeLessThanOrEqual(500);
  for (const { number, at: then } of sent) expect(number).toBeLessThan((then * rate.rate) / 1_000);
  expect(sent.filter((it) => it.at === 52)).toHaveLength(25);
});
