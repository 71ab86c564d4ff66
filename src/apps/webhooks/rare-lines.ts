/** Log lines about what may happen thousands of times a second: of each kind one in a while, with how many were not written. */
import type { Clock } from '../../telemetry/clock.ts';
import type { Log, LogFields } from '../../telemetry/log.ts';

interface Kind {
  writtenAt: number;
  unwritten: number;
}

const EVERY_MS = 10_000;

export class RareLines {
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly kinds = new Map<string, Kind>();

  constructor(log: Log, clock: Clock) {
    this.log = log;
    this.clock = clock;
  }

  /** @param kind one of a few: each is kept for ever */
  warn(kind: string, message: string, fields: LogFields): void {
    const now = this.clock.elapsed();
    const known = this.kinds.get(kind);
    if (known !== undefined && now - known.writtenAt < EVERY_MS) {
      known.unwritten += 1;
      return;
    }
    const more = known === undefined || known.unwritten === 0 ? {} : { not_logged: known.unwritten };
    this.kinds.set(kind, { writtenAt: now, unwritten: 0 });
    this.log.warn(message, { ...fields, ...more });
  }
}
