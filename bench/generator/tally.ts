/** What the generator counts while it measures: deliveries, their bytes, their order, and a sample of their latency. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** One delivery in so many is looked at for its latency; a prime, so that it takes its turn through all subscribers. */
const SAMPLE_EVERY = 7;

export class Tally {
  received = 0;
  bytes = 0;
  /** Messages that subscribers did not get, as holes in the publisher's sequence show; what a Gap announced included. */
  missing = 0;
  duplicates = 0;
  /** Messages that Gap frames announced as lost. */
  announced = 0;
  gaps = 0;
  answered = 0;
  refused = 0;
  closed = 0;
  /** Reads of sockets: deliveries per read say how much the server batched. */
  reads = 0;
  sampleAt = Infinity;
  /** Called when `received` has come this far. */
  wakeAt = Infinity;
  wake: () => void = () => {};
  /** Microseconds. */
  latency: RecordableHistogram = createHistogram();

  /** Starts or stops recording latency. */
  sample(isOn: boolean): void {
    this.sampleAt = isOn ? this.received : Infinity;
  }

  sampled(micros: number): void {
    this.sampleAt = this.received + SAMPLE_EVERY;
    this.latency.record(Math.max(1, Math.round(micros)));
  }

  /** What was wrong: nothing of this may happen in a published figure. */
  get faults(): number {
    return this.missing - this.announced + this.duplicates + this.refused;
  }
}
