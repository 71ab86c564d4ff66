/** How fast counters grow, from two looks at them. */
import { count } from './text.ts';

export class Rates {
  #at = NaN;
  #counts: Readonly<Record<string, number>> = {};
  #perSecond: Readonly<Record<string, number>> = {};

  /** @param at in ms that never run back */
  look(at: number, counts: Readonly<Record<string, number>>): void {
    const secs = (at - this.#at) / 1_000;
    const before = this.#counts;
    if (secs > 0)
      this.#perSecond = Object.fromEntries(
        Object.entries(counts).flatMap(([name, value]) =>
          before[name] === undefined ? [] : [[name, Math.max(0, value - before[name]) / secs]],
        ),
      );
    this.#at = at;
    this.#counts = counts;
  }

  /** `…` until there were two looks. */
  text(name: string): string {
    const rate = this.#perSecond[name];
    return rate === undefined ? '…' : count(rate);
  }
}
