/** The arrivals among what was sent: a message counts as missing only when it had its time to come. */
import { pause } from '../pause.ts';

/** How often it is looked. */
const STEP_SECS = 0.02;

export class Arrivals {
  readonly latencies: number[] = [];
  private startedAt = 0;
  private readonly now: () => number;

  /** @param now milliseconds by a clock that does not step */
  constructor(now: () => number) {
    this.now = now;
  }

  /** A round begins: what was sent before belongs to no round any more. */
  begin(): void {
    this.latencies.length = 0;
    this.startedAt = this.now();
  }

  /** @param sentAt by the same clock */
  arrived(sentAt: number): void {
    if (sentAt < this.startedAt) return;
    this.latencies.push(this.now() - sentAt);
  }

  /**
   * Waits until everything has come that was sent in the round, at most so many ms.
   * @returns how many are missing
   */
  async settle(sent: number, withinMs: number): Promise<number> {
    const deadline = this.now() + withinMs;
    while (this.latencies.length < sent && this.now() < deadline) await pause(STEP_SECS);
    return sent - this.latencies.length;
  }
}
