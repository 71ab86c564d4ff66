/** Time that passes when a test says so. */

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly work: () => void;
}

/** Real time is only used to let promises settle: what they lead to belongs to the same virtual moment. */
declare function setTimeout(work: () => void, ms: number): unknown;

const START = Date.UTC(2026, 0, 1);

export class VirtualClock {
  /** Milliseconds since the start. */
  elapsed = 0;
  private readonly timers = new Set<Timer>();
  private order = 0;

  /** Milliseconds since 1970. */
  get now(): number {
    return START + this.elapsed;
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.timers.size;
  }

  after(ms: number, work: () => void): () => void {
    this.order += 1;
    const timer = { at: this.elapsed + Math.max(0, ms), order: this.order, work };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Lets time pass, timer by timer, and what they lead to. */
  async advance(ms: number): Promise<void> {
    const end = this.elapsed + ms;
    await settled();
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.timers.delete(next);
      this.elapsed = Math.max(this.elapsed, next.at);
      next.work();
      await settled();
    }
    this.elapsed = end;
  }

  /** Time passes and nothing runs, as when a laptop sleeps; overdue timers then fire late. */
  async sleep(ms: number): Promise<void> {
    this.elapsed += ms;
    await this.advance(0);
  }

  private next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers)
      if (
        timer.at <= end &&
        (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
      )
        first = timer;
    return first;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
