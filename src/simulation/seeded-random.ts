/** Randomness that a seed repeats: splitmix32. */
import type { Random } from '../telemetry/clock.ts';

export class SeededRandom implements Random {
  private state: number;
  private ids = 0;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  fraction(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let mixed = this.state ^ (this.state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from `low` up to and including `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)] as T;
  }

  id(): string {
    this.ids += 1;
    return `id${String(this.ids).padStart(10, '0')}`;
  }
}
