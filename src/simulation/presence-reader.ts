/** A reader of presence: a page first, then the changes after it, and a page again where it cannot go on. */
import type { SimulatedPresenceStore } from './simulated-presence.ts';
import { promise } from './violation.ts';

interface Delta {
  readonly changes?: readonly { readonly op: 'enter' | 'update' | 'leave'; readonly user: string }[];
  readonly count: number;
}

export class PresenceReader {
  private known = new Map<string, number>();
  private sequence = 0;
  private epoch = 0;
  /** Only counts were told since the last page: the members are not known. */
  private isStale = true;
  /** Every change of the epoch from its first on: nothing is told twice, and every count is right. */
  private witness = new Set<string>();
  private witnessed = 0;
  private isWitness = true;
  private readonly store: SimulatedPresenceStore;
  private readonly topic: string;

  constructor(store: SimulatedPresenceStore, topic: string) {
    this.store = store;
    this.topic = topic;
  }

  readAnew(): void {
    const { store } = this;
    if (this.epoch !== store.epoch) {
      this.witness = new Set();
      this.witnessed = 0;
      // After a loss some are there who never entered in this epoch.
      this.isWitness = store.epoch === 1;
    }
    this.epoch = store.epoch;
    this.sequence = store.log.length;
    const { members } = store.page(this.topic);
    this.known = new Map([...members].map(([user, { sequence }]) => [user, sequence]));
    this.isStale = false;
  }

  readOn(): void {
    if (this.epoch === this.store.epoch && this.isWitness) this.watch();
    if (this.epoch !== this.store.epoch || this.isStale) return this.readAnew();
    for (const { sequence, payload } of this.store.log.slice(this.sequence)) {
      promise(sequence === this.sequence + 1, 'changes are dense', () => `${sequence} after ${this.sequence}`);
      this.sequence = sequence;
      const { changes } = JSON.parse(payload) as Delta;
      if (changes === undefined) this.isStale = true;
      else if (!this.isStale) for (const change of changes) this.apply(change, sequence);
    }
    if (this.isStale) this.readAnew();
  }

  members(): string[] {
    return [...this.known.keys()].sort();
  }

  private apply({ op, user }: { readonly op: string; readonly user: string }, sequence: number): void {
    if (op === 'leave') {
      promise(this.known.has(user), 'enter and leave take turns', () => `${user} left, and was not there`);
      this.known.delete(user);
      return;
    }
    promise(this.known.has(user) === (op === 'update'), 'enter and leave take turns', () => `${op} of ${user}`);
    this.known.set(user, sequence);
  }

  private watch(): void {
    let isCounted = false;
    for (const { payload } of this.store.log.slice(this.witnessed)) {
      this.witnessed += 1;
      const { changes, count } = JSON.parse(payload) as Delta;
      if (changes === undefined) isCounted = true;
      if (isCounted) continue;
      for (const { op, user } of changes ?? []) {
        if (op === 'leave') this.witness.delete(user);
        else this.witness.add(user);
      }
      promise(this.witness.size === count, 'counts are right', () => `${count} for ${[...this.witness].join()}`);
    }
    // Members that came and went while only counts were told are not known.
    if (isCounted) this.isWitness = false;
  }
}
