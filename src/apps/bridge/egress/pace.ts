/** How fast a number of a business sends: a bucket of tokens for each, of this node. */
import { KeyedBuckets } from '../../../limits/keyed-buckets.ts';
import { joinPartsToKeep } from '../../../protocol/parts.ts';
import type { Clock } from '../../../telemetry/clock.ts';

/** Numbers that are paced apart. */
const MOST = 10_000;

export class Pace {
  private readonly buckets: KeyedBuckets;
  private readonly clock: Pick<Clock, 'elapsed'>;

  constructor(perSecond: number, clock: Pick<Clock, 'elapsed'>) {
    this.buckets = new KeyedBuckets({ perSecond, burst: perSecond }, MOST);
    this.clock = clock;
  }

  /** @returns milliseconds until one may be sent; 0: now, and it is counted */
  take(tenant: string, phoneNumberId: string): number {
    const key = joinPartsToKeep(tenant, phoneNumberId);
    const now = this.clock.elapsed();
    return this.buckets.take(key, 1, now) ? 0 : Math.max(1, Math.ceil(this.buckets.wait(key, 1, now)));
  }
}
