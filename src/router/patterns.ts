/** Pattern subscriptions of a node, found by their literal first segment. */
import { firstSegment, matches, type Topic } from '../protocol/topic.ts';
import type { Subscriber } from './subscription.ts';

export class Patterns {
  private readonly bySegment = new Map<string, Map<string, Set<Subscriber>>>();

  /** @returns whether this is the first subscriber of the pattern */
  add(pattern: string, owner: Subscriber): boolean {
    const segment = firstSegment(pattern);
    let patterns = this.bySegment.get(segment);
    if (patterns === undefined) this.bySegment.set(segment, (patterns = new Map()));
    const owners = patterns.get(pattern);
    if (owners === undefined) {
      patterns.set(pattern, new Set([owner]));
      return true;
    }
    owners.add(owner);
    return false;
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

  /** Everybody with at least one matching pattern, each once. */
  matching(topic: Topic): ReadonlySet<Subscriber> {
    const found = new Set<Subscriber>();
    for (const [pattern, owners] of this.bySegment.get(firstSegment(topic)) ?? []) {
      if (matches(pattern, topic)) for (const owner of owners) found.add(owner);
    }
    return found;
  }
}
