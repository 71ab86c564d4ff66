/** Outcomes of commands that other nodes were told: waited for while somebody can still answer, and not longer than their time. */
import type { Scheduler } from '../telemetry/clock.ts';
import type { Outcome } from './command.ts';

/** The longest wait for a command. */
export const ANSWER_MS = 2_000;

interface Waiting {
  readonly outcomes: Map<string, Outcome>;
  /** How many others heard the command; infinite until that is known. */
  listeners: number;
  /** Instances that have not answered yet; `null` until the members are known. */
  missing: Set<string> | null;
  readonly finish: () => void;
}

export class AwaitedOutcomes {
  private readonly scheduler: Scheduler;
  private readonly waiting = new Map<string, Waiting>();

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** @returns by instance, once nobody is left who could answer, or the time is over */
  expect(id: string): Promise<ReadonlyMap<string, Outcome>> {
    return new Promise((resolve) => {
      const outcomes = new Map<string, Outcome>();
      const timer = this.scheduler.after(ANSWER_MS, () => finish());
      const finish = (): void => {
        timer.cancel();
        this.waiting.delete(id);
        resolve(outcomes);
      };
      this.waiting.set(id, { outcomes, listeners: Infinity, missing: null, finish });
    });
  }

  /**
   * @param members instances that are to answer
   * @param listeners how many others heard the command, where each of them answers. A node that was killed is a member until
   * its lease ends, but hears nothing: waiting for it made every command take the whole time for a quarter of a minute.
   */
  from(id: string, members: readonly string[], listeners: number): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    waiting.missing = new Set(members.filter((instance) => !waiting.outcomes.has(instance)));
    waiting.listeners = listeners;
    finishIfDone(waiting);
  }

  answered(id: string, instance: string, outcome: Outcome): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    waiting.outcomes.set(instance, outcome);
    waiting.missing?.delete(instance);
    finishIfDone(waiting);
  }

  giveUp(id: string): void {
    this.waiting.get(id)?.finish();
  }
}

function finishIfDone({ missing, outcomes, listeners, finish }: Waiting): void {
  if (missing?.size === 0 || outcomes.size >= listeners) finish();
}
