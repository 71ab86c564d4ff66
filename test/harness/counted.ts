/**
 * Loaded before anything of the source in the project `counted` (vitest.config.ts): V8 counts how often each block of it runs.
 * A number of steps is the same on a busy machine, which a time is not.
 */
import { Session, type Profiler } from 'node:inspector';

const session = new Session();
session.connect();
session.post('Profiler.enable');
// Code that was compiled before has no counters.
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

const SOURCE = new URL('../../src/', import.meta.url).href;
/** Parts of the source that only tests use: they look through all that they have received. */
const RIG = new URL('connection/test-rig', SOURCE).href;

/** @returns how often blocks of the source ran since it was asked last */
export function blocksRun(): number {
  let answer: Profiler.TakePreciseCoverageReturnType | undefined;
  // In the same thread it is answered at once.
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error !== null) throw error;
    answer = coverage;
  });
  if (answer === undefined) throw new Error('expected the counters at once, got none');
  return answer.result
    .filter(({ url }) => url.startsWith(SOURCE) && !url.startsWith(RIG))
    .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
    .reduce((sum, { count }) => sum + count, 0);
}
