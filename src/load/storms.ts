/** Reconnect storms: a share of the subscribers drops at once and comes back at once, with positions. */
import { latencyHistogram, recordLatency } from './latency.ts';
import { isChosen, stormTimes, type LoadPlan } from './plan.ts';
import type { RunClock } from './run-clock.ts';
import type { Subscriber } from './subscriber.ts';
import type { StormResult } from './thread-messages.ts';

/** One storm, as far as this thread has part in it. */
class Storm {
  hasBegun = false;
  private liveCount = 0;
  private backAt = 0;
  private readonly timeToLive = latencyHistogram();
  private readonly dropped: readonly Subscriber[];

  constructor(dropped: readonly Subscriber[]) {
    this.dropped = dropped;
  }

  begin(): void {
    this.hasBegun = true;
    for (const subscriber of this.dropped) subscriber.drop();
  }

  comeBack(now: number): void {
    this.backAt = now;
    for (const subscriber of this.dropped) subscriber.comeBack(this);
  }

  /** A connection has all that it missed. Attempts that were refused count into its time. */
  live(now: number): void {
    this.liveCount += 1;
    recordLatency(this.timeToLive, now - this.backAt);
  }

  get result(): StormResult {
    return { dropped: this.dropped.length, live: this.liveCount, timeToLive: this.timeToLive };
  }
}

/** What is planned for the subscribers of a thread. */
export interface Incidents {
  readonly storms: readonly Storm[];
  /** Ends them before their time: clients that are away come back now, slow readers read on. */
  end(): void;
}

/** @param measureFrom in µs of the run's clock */
export function scheduleIncidents(
  plan: LoadPlan,
  subscribers: ReadonlyMap<number, Subscriber>,
  clock: RunClock,
  measureFrom: number,
): Incidents {
  const timers: NodeJS.Timeout[] = [];
  const storms: Storm[] = [];
  const open = new Set<() => void>();
  const at = (ms: number, action: () => void): void => {
    timers.push(setTimeout(action, measureFrom / 1_000 + ms - clock.now() / 1_000));
  };
  /** Something that begins and must end, early if need be. */
  const incident = (beginMs: number, endMs: number, begin: () => void, end: () => void): void => {
    at(beginMs, () => {
      begin();
      open.add(end);
    });
    at(endMs, () => {
      if (open.delete(end)) end();
    });
  };
  const chosen = (share: number): Subscriber[] =>
    [...subscribers].filter(([index]) => isChosen(index, share)).map(([, subscriber]) => subscriber);

  for (const begin of stormTimes(plan)) {
    const dropping = chosen(plan.storms?.share ?? 0);
    const storm = new Storm(dropping);
    storms.push(storm);
    const end = (): void => storm.comeBack(clock.now());
    incident(begin, begin + (plan.storms?.awayMs ?? 0), () => storm.begin(), end);
  }
  if (plan.slowReaders !== null) {
    const { count, atMs, forMs } = plan.slowReaders;
    const slow = chosen(count / plan.connections);
    for (const subscriber of slow) subscriber.isSlowReader = true;
    const begin = (): void => slow.forEach(({ link }) => link.pause());
    incident(atMs, atMs + forMs, begin, () => slow.forEach(({ link }) => link.resume()));
  }
  return {
    storms,
    end() {
      for (const timer of timers) clearTimeout(timer);
      for (const finish of open) finish();
      open.clear();
    },
  };
}
