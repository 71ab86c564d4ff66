/**
 * How long messages of each tenant take on this node, for operators. Metrics have the sum of all alone: /metrics is read by
 * programs without a token, and names no tenant.
 */
import { Histogram } from '../../telemetry/counters.ts';
import { dropOldest } from '../../telemetry/drop-oldest.ts';
import { quantile } from '../../telemetry/quantile.ts';

/** Upper bounds in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Of tenants; the one whose last message is the oldest gives way. */
const MOST = 1_000;

export interface TenantWork {
  readonly tenant: string;
  readonly messages: number;
  /** Of all of them together. */
  readonly seconds: number;
  /** In seconds, at most 60. */
  readonly p50: number;
  readonly p99: number;
}

export class WorkTimes {
  private readonly tenants = new Map<string, Histogram>();

  observe(tenant: string, seconds: number): void {
    const times = this.tenants.get(tenant) ?? new Histogram(BOUNDS);
    times.observe(seconds);
    this.tenants.delete(tenant);
    this.tenants.set(tenant, times);
    dropOldest(this.tenants, MOST);
  }

  /** The slowest on the whole first. @param only one tenant, or all for `''` */
  list(only: string): readonly TenantWork[] {
    return [...this.tenants]
      .filter(([tenant]) => only === '' || tenant === only)
      .map(([tenant, { counts, sum, count }]) => ({
        tenant,
        messages: count,
        seconds: sum,
        p50: quantile(BOUNDS, counts, 0.5),
        p99: quantile(BOUNDS, counts, 0.99),
      }))
      .toSorted((a, b) => b.seconds - a.seconds);
  }
}
