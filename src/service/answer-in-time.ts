/** One answer of somebody else's code, or none in time. A second answer is nobody's. */
import type { Scheduler } from '../telemetry/clock.ts';

interface Answered<T> {
  readonly answer: (answer: T) => void;
  /** No answer came in time. */
  readonly missing: () => void;
  /** It came after all. */
  readonly late: (answer: T) => void;
}

/** @param ask is called at once; what it throws is thrown to the caller, and nothing is answered any more */
export function inTime<T>(
  scheduler: Scheduler,
  ms: number,
  ask: (answered: (answer: T) => void) => void,
  { answer, missing, late }: Answered<T>,
): void {
  let state: 'open' | 'missed' | 'answered' = 'open';
  const timer = scheduler.after(ms, () => {
    state = 'missed';
    missing();
  });
  const answered = (value: T): void => {
    const before = state;
    state = 'answered';
    timer.cancel();
    if (before === 'open') answer(value);
    else if (before === 'missed') late(value);
  };
  try {
    ask(answered);
  } catch (error) {
    state = 'answered';
    timer.cancel();
    throw error;
  }
}
