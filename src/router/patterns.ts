/** Pattern subscriptions of a node: who holds which, and whom a topic concerns. */
import { PatternIndex } from '../protocol/pattern-index.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Subscriber } from './subscription.ts';

/** One subscriber's hold on a pattern. */
interface PatternHold {
  /** The broker has granted its interest, which is to be released with the hold. */
  isGranted: boolean;
  /** The owner was given the position of every topic that existed when the pattern was granted. */
  isComplete: boolean;
}

type Owners = Map<Subscriber, PatternHold>;

export class Patterns {
  private readonly patterns = new PatternIndex<Owners>();

  add(pattern: string, owner: Subscriber): PatternHold {
    const hold: PatternHold = { isGranted: false, isComplete: false };
    const owners = this.patterns.get(pattern);
    if (owners === undefined) this.patterns.set(pattern, new Map([[owner, hold]]));
    else owners.set(owner, hold);
    return hold;
  }

  /** What the owner holds of this very pattern now. */
  holdOf(pattern: string, owner: Subscriber): PatternHold | undefined {
    return this.patterns.get(pattern)?.get(owner);
  }

  /** @returns whether that was the last subscriber of the pattern */
  remove(pattern: string, owner: Subscriber): boolean {
    const owners = this.patterns.get(pattern);
    if (owners === undefined || !owners.delete(owner) || owners.size > 0) return false;
    this.patterns.delete(pattern);
    return true;
  }

  matchesAny(topic: Topic): boolean {
    return this.patterns.matchesAny(topic);
  }

  /** Everybody with a pattern that has topics in common with a pattern or topic. */
  overlapping(filter: Topic, found: (owner: Subscriber) => void): void {
    this.patterns.overlapping(filter, (owners) => {
      for (const owner of owners.keys()) found(owner);
    });
  }

  /** Everybody with at least one matching pattern, each once; and whether the topic is new to it from its beginning. */
  matching(topic: Topic): ReadonlyMap<Subscriber, boolean> {
    const found = new Map<Subscriber, boolean>();
    this.patterns.visit(topic, (owners) => {
      for (const [owner, { isComplete }] of owners) found.set(owner, isComplete || found.get(owner) === true);
    });
    return found;
  }
}
