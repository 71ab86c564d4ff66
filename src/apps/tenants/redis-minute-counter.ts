/** The counters of all nodes together, in Redis, where people can read them: `ratelimit:<tenant>:<yyyymmddhhmm>`. */
import { isFailure } from '../../redis/command-client.ts';
import { readScript } from '../../redis/script.ts';
import type { SharedStore } from '../host-api.ts';
import { minuteName, type MinuteCounter } from './spending.ts';

/** The minute itself and one more, so that clocks of nodes may differ. */
const KEPT_SECS = 120;
const TAKE = readScript(false, new URL('./lua/take-minute.lua', import.meta.url));

export class SharedMinuteCounter implements MinuteCounter {
  private readonly redis: Pick<SharedStore, 'write'>;
  private readonly prefix: string;
  private readonly alone: MinuteCounter;
  private readonly failed: () => void;

  /**
   * @param alone counts on this node while Redis does not answer: an outage refuses nobody, and lets nobody do without a bound
   * @param failed told each time
   */
  constructor(redis: Pick<SharedStore, 'write'>, prefix: string, alone: MinuteCounter, failed: () => void) {
    this.redis = redis;
    this.prefix = prefix;
    this.alone = alone;
    this.failed = failed;
  }

  take(tenant: string, limit: number, now: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.redis.write([['EVAL', TAKE.source, 1, this.keyOf(tenant, now), limit, KEPT_SECS]], ([result]) => {
        if (!isFailure(result)) return resolve(result === 1);
        this.failed();
        resolve(this.alone.take(tenant, limit, now));
      });
    });
  }

  count(tenant: string, now: number): Promise<number> {
    return new Promise((resolve) => {
      this.redis.write([['GET', this.keyOf(tenant, now)]], ([result]) =>
        resolve(isFailure(result) ? this.alone.count(tenant, now) : Number(result ?? 0)),
      );
    });
  }

  private keyOf(tenant: string, now: number): string {
    return `${this.prefix}${tenant}:${minuteName(now)}`;
  }
}
