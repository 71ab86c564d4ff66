/** What a node knows of itself, and what its own examination finds: for operators, for `doctor`, and for the console. */
import type { HttpResponse } from '../node/route.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { AdminRoute } from './admin-access.ts';

export const FACTS = '/admin/facts';
export const DOCTOR = '/admin/doctor';

/** How long an answer stands for those that ask again: looking costs more than being asked. */
const FACTS_MS = 1_000;
const DOCTOR_MS = 5_000;

export function factsRoute(clock: Clock, facts: () => Promise<object>): AdminRoute {
  return { method: 'GET', path: FACTS, handle: kept(clock, FACTS_MS, facts) };
}

/** @param examine looks at the node and its service, and changes nothing */
export function doctorRoute(clock: Clock, examine: () => Promise<object>): AdminRoute {
  return { method: 'GET', path: DOCTOR, handle: kept(clock, DOCTOR_MS, examine) };
}

/** One at a time: who asks meanwhile is given the same answer, and so is who asks soon after. */
function kept(clock: Clock, ms: number, work: () => Promise<object>): () => Promise<HttpResponse> {
  let answer: Promise<HttpResponse> | null = null;
  let until = Infinity;
  return () => {
    if (answer !== null && clock.elapsed() < until) return answer;
    until = Infinity;
    const made = work().then((body): HttpResponse => {
      until = clock.elapsed() + ms;
      return { status: 200, body };
    });
    made.catch(() => {
      answer = null;
    });
    answer = made;
    return made;
  };
}
