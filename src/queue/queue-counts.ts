/** What is counted of one queue on this node, for the table of metrics. */
import { Histogram, SECONDS } from '../telemetry/counters.ts';
import type { QueueGauges } from '../telemetry/gauges.ts';
import { QueueError } from './queue-error.ts';
import type { QueueDepth } from './queue.ts';
import type { ConsumerCounts } from './store-consumer.ts';

/** From being put in to being handed out: a backlog waits for hours. */
const WAIT_SECONDS = [...SECONDS, 30, 60, 300, 1_800, 7_200];

export class QueueCounts implements ConsumerCounts {
  private readonly outcomes = new Map<string, number>();
  private readonly puts = new Map<string, number>();
  private readonly seconds = new Histogram(SECONDS);
  private readonly waits = new Histogram(WAIT_SECONDS);
  /** As it was a few seconds ago; `null` while nobody knows. */
  depth: QueueDepth | null = null;

  waited(seconds: number): void {
    this.waits.observe(Math.max(0, seconds));
  }

  handled(outcome: string, seconds: number): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    this.seconds.observe(seconds);
  }

  put(error: unknown): void {
    const outcome = error === null ? 'taken' : error instanceof QueueError ? error.problem : 'invalid';
    this.puts.set(outcome, (this.puts.get(outcome) ?? 0) + 1);
  }

  read(name: string): QueueGauges {
    return {
      name,
      depth: this.depth === null ? [] : Object.entries(this.depth),
      outcomes: this.outcomes,
      puts: this.puts,
      seconds: this.seconds,
      waits: this.waits,
    };
  }
}
