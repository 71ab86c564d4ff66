/**
 * How long messages of each tenant take on this node, for operators. Metrics have the sum of all alone: /metrics is read by
 * programs without a token, and names no tenant.
 */
import { dropOldest } from '../../telemetry/drop-oldest.ts';

/** Upper bounds in seconds; the last one has none. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, Infinity] as const;
/** Of tenants; the one whose last message is the oldest gives way. */
const MOST = 1_000;

interface Times {
  readonly counts: number[];
  seconds: number;
}

export interface TenantWork {
  readonly tenant: string;
  readonly messages: number;
  readonly seconds: number;
  /** Upper bounds, in seconds, below which half of them and 99 of 100 took; `null`: more than a minute. */
  readonly half: number | null;
  readonly most: number | null;
}

export class WorkTimes {
  private readonly tenants = new Map<string, Times>();

  observe(tenant: string, seconds: number): void {
    const times = this.tenants.get(tenant) ?? { counts: BOUNDS.map(() => 0), seconds: 0 };
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    times.counts[at] = (times.counts[at] ?? 0) + 1;
    times.seconds += seconds;
    this.tenants.delete(tenant);
    this.tenants.set(tenant, times);
    dropOldest(this.tenants, MOST);
  }

  /** The slowest on the whole first. @param only one tenant, or all for `''` */
  list(only: string): readonly TenantWork[] {
    return [...this.tenants]
      .filter(([tenant]) => only === '' || tenant === only)
      .map(([tenant, { counts, seconds }]) => {
        const messages = counts.reduce((sum, count) => sum + count, 0);
        return {
          tenant,
          messages,
          seconds,
          half: boundOf(counts, messages / 2),
          most: boundOf(counts, messages * 0.99),
        };
      })
      .toSorted((a, b) => b.seconds - a.seconds);
  }
}

/** The bound at or below which so many are. */
function boundOf(counts: readonly number[], wanted: number): number | null {
  let sum = 0;
  const bound = BOUNDS.find((_, at) => (sum += counts[at] ?? 0) >= wanted) ?? Infinity;
  return bound === Infinity ? null : bound;
}
