/** Pattern subscriptions of a node, found by their literal first segment. */
import { firstSegment, matches, type Topic } from '../protocol/topic.ts';
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
  private readonly bySegment = new Map<string, Map<string, Owners>>();

  add(pattern: string, owner: Subscriber): PatternHold {
    const segment = firstSegment(pattern);
    let patterns = this.bySegment.get(segment);
    if (patterns === undefined) this.bySegment.set(segment, (patterns = new Map()));
    const hold: PatternHold = { isGranted: false, isComplete: false };
    const owners = patterns.get(pattern);
    if (owners === undefined) patterns.set(pattern, new Map([[owner, hold]]));
    else owners.set(owner, hold);
    return hold;
  }

  /** What the owner holds of this very pattern now. */
  holdOf(pattern: string, owner: Subscriber): PatternHold | undefined {
    return this.bySegment.get(firstSegment(pattern))?.get(pattern)?.get(owner);
  }

  /** @returns whether that was the last subscriber of the pattern */
  remove(pattern: string, owner: Subscriber): boolean {
    const segment = firstSegment(pattern);
    const patterns = this.bySegment.get(segment);
    const owners = patterns?.get(pattern);
    if (patterns === undefined || owners === undefined || !owners.delete(owner) || owners.size > 0) return false;
    patterns.delete(pattern);
    if (patterns.size === 0) this.bySegment.delete(segment);
    return true;
  }

  matchesAny(topic: Topic): boolean {
    const patterns = this.bySegment.get(firstSegment(topic));
    return patterns !== undefined && [...patterns.keys()].some((pattern) => matches(pattern, topic));
  }

  /** Everybody with at least one matching pattern, each once; and whether the topic is new to it from its beginning. */
  matching(topic: Topic): ReadonlyMap<Subscriber, boolean> {
    const found = new Map<Subscriber, boolean>();
    for (const [pattern, owners] of this.bySegment.get(firstSegment(topic)) ?? []) {
      if (!matches(pattern, topic)) continue;
      for (const [owner, { isComplete }] of owners) found.set(owner, isComplete || found.get(owner) === true);
    }
    return found;
  }
}
