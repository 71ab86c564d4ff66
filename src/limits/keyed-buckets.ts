/** Token buckets by key (an address, say), as many as a bound allows; the longest unused are forgotten first. */
import { dropOldest } from '../telemetry/drop-oldest.ts';
import { levelOf, takeTokens, waitFor, type FullAt, type Level, type Rate } from './token-bucket.ts';

export class KeyedBuckets {
  private readonly states = new Map<string, FullAt>();
  private readonly rate: Rate;
  private readonly capacity: number;

  constructor(rate: Rate, capacity: number) {
    this.rate = rate;
    this.capacity = capacity;
  }

  /** Whether nothing was ever taken. */
  get isEmpty(): boolean {
    return this.states.size === 0;
  }

  /** @returns whether the tokens were there; if not, nothing is taken */
  take(key: string, cost: number, now: number): boolean {
    const state = this.states.get(key) ?? 0;
    const next = takeTokens(state, this.rate, cost, now);
    if (next === -1) return false;
    // Set anew, so that the map's order is the order of use.
    this.states.delete(key);
    this.states.set(key, next);
    dropOldest(this.states, this.capacity);
    return true;
  }

  /** Whether `take` would succeed, without taking. */
  allows(key: string, cost: number, now: number): boolean {
    return takeTokens(this.states.get(key) ?? 0, this.rate, cost, now) !== -1;
  }

  /** Milliseconds until `cost` tokens are there. */
  wait(key: string, cost: number, now: number): number {
    return waitFor(this.states.get(key) ?? 0, this.rate, cost, now);
  }

  level(key: string, now: number): Level {
    return levelOf(this.states.get(key) ?? 0, this.rate, now);
  }
}
