/** What is counted of a database, for the table of metrics. */
import { Histogram, SECONDS } from '../telemetry/counters.ts';
import type { DatabaseGauges } from '../telemetry/gauges.ts';
import { DatabaseError } from './database-error.ts';
import type { DriverUsage } from './driver.ts';

export class DatabaseStatistics {
  private readonly seconds = new Histogram(SECONDS);
  private readonly failures = new Map<string, number>();
  private readonly batches = { count: 0, items: 0 };

  answered(seconds: number): void {
    this.seconds.observe(seconds);
  }

  failed(error: unknown): void {
    const problem = error instanceof DatabaseError ? error.problem : 'refused';
    this.failures.set(problem, (this.failures.get(problem) ?? 0) + 1);
  }

  committed(items: number): void {
    this.batches.count += 1;
    this.batches.items += items;
  }

  read(name: string, isUp: boolean, usage: DriverUsage): DatabaseGauges {
    return {
      name,
      isUp,
      ...usage,
      failures: this.failures,
      seconds: this.seconds,
      batches: this.batches.count,
      batched: this.batches.items,
    };
  }
}
