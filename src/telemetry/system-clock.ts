/** The machine's time, scheduling and randomness. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random, Scheduler, Timer } from './clock.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
};

export const systemScheduler: Scheduler = {
  endOfTurn(work: () => void): void {
    setImmediate(work);
  },
  after(ms: number, work: () => void): Timer {
    const timer = setTimeout(work, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms: number, work: () => void): Timer {
    const timer = setInterval(work, ms).unref();
    return { cancel: () => clearInterval(timer) };
  },
};

export const systemRandom: Random = {
  id: () => randomBytes(9).toString('base64url'),
  fraction: () => Math.random(),
};
