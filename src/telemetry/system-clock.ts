/** The machine's time, scheduling and randomness. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random, Scheduler, Timer } from './clock.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
};

/** What runs at the end of this turn, and a list for the next one. */
let due: (() => void)[] = [];
let spare: (() => void)[] = [];

/** One entry in Node's own queue for all the work of a turn: each costs as much as a publication is routed for. */
function endTurn(): void {
  const works = due;
  due = spare;
  spare = [];
  let done = 0;
  try {
    for (const work of works) {
      done += 1;
      work();
    }
  } finally {
    // What stands behind a failure runs all the same.
    if (done < works.length) for (const work of works.slice(done)) systemScheduler.endOfTurn(work);
    works.length = 0;
    spare = works;
  }
}

export const systemScheduler: Scheduler = {
  endOfTurn(work: () => void): void {
    if (due.length === 0) setImmediate(endTurn);
    due.push(work);
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

const ID_BYTES = 9;
/** Asked for many at once: the way to the random numbers of the system costs more than a name. */
let randomness = Buffer.alloc(0);
let used = 0;

function randomId(): string {
  if (used === randomness.length) {
    randomness = randomBytes(ID_BYTES * 64);
    used = 0;
  }
  used += ID_BYTES;
  return randomness.toString('base64url', used - ID_BYTES, used);
}

export const systemRandom: Random = {
  id: randomId,
  fraction: () => Math.random(),
};
