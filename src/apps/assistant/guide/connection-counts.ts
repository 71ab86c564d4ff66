/** Clients of the guide's envelope and streams, for metrics and for the figures of the guide. */
import type { Counter } from '../../host-api.ts';

export class ConnectionCounts {
  active = 0;
  peak = 0;
  private readonly counter: Counter;

  constructor(counter: Counter) {
    this.counter = counter;
  }

  opened(): void {
    this.active += 1;
    this.peak = Math.max(this.peak, this.active);
    this.counter.add();
  }

  ended(): void {
    this.active -= 1;
  }
}
