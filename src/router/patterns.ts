/** Pattern subscriptions of a node, found by their literal first segment. */
import { firstSegment, matches, type Topic } from '../protocol/topic.ts';
import type { Subscriber } from './subscription.ts';

/** Owner → whether it was given the position of every topic that existed when its pattern was confirmed. */
type Owners = Map<Subscriber, boolean>;

export class Patterns {
  private readonly bySegment = new Map<string, Map<string, Owners>>();

  add(pattern: string, owner: Subscriber): void {
    const segment = firstSegment(pattern);
    let patterns = this.bySegment.get(segment);
    if (patterns === undefined) this.bySegment.set(segment, (patterns = new Map()));
    const owners = patterns.get(pattern);
    if (owners === undefined) patterns.set(pattern, new Map([[owner, false]]));
    else owners.set(owner, false);
  }

  /** The owner has been told where all matching topics stood: what appears from now on is new to it from its beginning. */
  confirmComplete(pattern: string, owner: Subscriber): void {
    this.bySegment.get(firstSegment(pattern))?.get(pattern)?.set(owner, true);
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
      for (const [owner, isComplete] of owners) found.set(owner, isComplete || found.get(owner) === true);
    }
    return found;
  }
}
