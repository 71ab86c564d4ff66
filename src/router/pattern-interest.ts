/**
 * The broker's interest in patterns. It is counted per subscriber, not per node: then the broker's answer, with the
 * positions of topics that exist, comes to each of them.
 */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import { MAX_PATTERN_POSITIONS } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Interest } from './interest.ts';
import type { Patterns } from './patterns.ts';
import type { Subscriber } from './subscription.ts';

export class PatternInterest {
  private readonly patterns: Patterns;
  private readonly interest: Interest;

  constructor(patterns: Patterns, interest: Interest) {
    this.patterns = patterns;
    this.interest = interest;
  }

  /**
   * @param granted told where topics stand that the pattern matches, and how many names the broker looked at, unless the owner has left it meanwhile
   * @param reply told why not, or `null`
   */
  join(
    pattern: string,
    owner: Subscriber,
    granted: (matched: ReadonlyMap<Topic, Position>, looked: number) => void,
    reply: (refused: Refusal | null) => void,
  ): void {
    const { patterns, interest } = this;
    const hold = patterns.add(pattern, owner);
    interest.retain(pattern, (answer) => {
      if (patterns.holdOf(pattern, owner) !== hold) {
        // The owner has left meanwhile, when it was open whether there would be anything to release.
        if (!isRefusal(answer)) interest.release(pattern);
        return reply(isRefusal(answer) ? answer : null);
      }
      if (isRefusal(answer)) {
        patterns.remove(pattern, owner);
        reply(answer);
        return;
      }
      hold.isGranted = true;
      granted(answer.matched, answer.looked ?? 0);
      hold.isComplete = answer.matched.size < MAX_PATTERN_POSITIONS && answer.isPartial !== true;
      reply(null);
    });
  }

  /** @returns whether that was the last subscriber of the pattern */
  leave(pattern: string, owner: Subscriber): boolean {
    // Interest that was refused is not there, and a release too many would take somebody else's.
    if (this.patterns.holdOf(pattern, owner)?.isGranted === true) this.interest.release(pattern);
    return this.patterns.remove(pattern, owner);
  }
}
