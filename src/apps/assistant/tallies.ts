/** Metrics that can be read, too: the figures of the guide are the very numbers that Prometheus is given. */
import type { Counter, Host, Observations } from '../host-api.ts';
import type { Counts } from './ports.ts';

export class Tally implements Counter {
  /** By label; `''` where there is none. */
  readonly by = new Map<string, number>();
  private readonly counter: Counter;

  constructor(counter: Counter) {
    this.counter = counter;
  }

  get total(): number {
    return [...this.by.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Labels are words of this application: there are few. */
  add(count = 1, label = ''): void {
    this.counter.add(count, label);
    this.by.set(label, (this.by.get(label) ?? 0) + count);
  }

  of(label: string): number {
    return this.by.get(label) ?? 0;
  }
}

class Durations implements Observations {
  private readonly observations: Observations;
  private count = 0;
  private seconds = 0;

  constructor(observations: Observations) {
    this.observations = observations;
  }

  /** `null` where nothing was observed. */
  get averageMs(): number | null {
    return this.count === 0 ? null : Math.round((this.seconds / this.count) * 1_000);
  }

  observe(seconds: number): void {
    this.observations.observe(seconds);
    this.count += 1;
    this.seconds += seconds;
  }
}

export interface Tallies extends Counts {
  readonly answers: Tally;
  readonly tokens: Tally;
  readonly failures: Tally;
  readonly firstDelta: Durations;
  readonly whole: Durations;
}

export function talliesOf(host: Host): Tallies {
  return {
    answers: new Tally(host.counter('answers_total', 'Answers by how they ended.', 'status')),
    tokens: new Tally(host.counter('tokens_total', 'Tokens of the model, asked and answered.', 'direction')),
    failures: new Tally(host.counter('failures_total', 'Answers that failed, by why.', 'failure')),
    firstDelta: new Durations(
      host.histogram('first_delta_seconds', 'From the question to the first piece of its answer.'),
    ),
    whole: new Durations(host.histogram('answer_seconds', 'From the question to the end of its answer.')),
  };
}
