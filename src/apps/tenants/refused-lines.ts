/** Log lines about tenants that are refused: of each one in a while, for operators who look why. */
import type { Clock } from '../../telemetry/clock.ts';
import { dropOldest } from '../../telemetry/drop-oldest.ts';
import type { Log } from '../../telemetry/log.ts';

const EVERY_MS = 60_000;
const MAX_TENANTS = 1_000;

export class RefusedLines {
  private readonly log: Log;
  private readonly clock: Pick<Clock, 'elapsed'>;
  private readonly writtenAt = new Map<string, number>();

  constructor(log: Log, clock: Pick<Clock, 'elapsed'>) {
    this.log = log;
    this.clock = clock;
  }

  /** @param tenant from a token that is good, so it is no stranger's text */
  refused(tenant: string, reason: string): void {
    const now = this.clock.elapsed();
    const before = this.writtenAt.get(tenant);
    if (before !== undefined && now - before < EVERY_MS) return;
    this.writtenAt.delete(tenant);
    this.writtenAt.set(tenant, now);
    dropOldest(this.writtenAt, MAX_TENANTS);
    this.log.warn('Tenant refused', { tenant, reason });
  }
}
