/**
 * Topics that only patterns bring and that were silent for long: they are let go of, with the subscriptions that have
 * all of them, and only their positions are remembered. With its next message a topic goes on from there.
 */
import type { Position } from '../protocol/position.ts';
import { firstSegment, type Topic } from '../protocol/topic.ts';
import type { RoutedTopic } from './routed-topic.ts';
import { LIVE } from './subscription.ts';

/** Positions remembered at most. Beyond, topics stay open, and what a connection may have of them is its limit. */
const MAX_RESTING = 100_000;

/** Subscriptions ended by one sweep, roughly: topics rest in no hurry. */
export const ENDED_AT_ONCE = 1_000;

/** Whether everything of a topic is written, and nobody named it: nothing would be missed without it. */
function canRest({ isReady, isDirty, head, routedHead, subscriptions }: RoutedTopic): boolean {
  if (!isReady || isDirty || head !== routedHead || subscriptions.length === 0) return false;
  return subscriptions.every(
    ({ state, written, gap, holds, isExplicit, isWaiting }) =>
      state === LIVE && written === head && gap === null && holds === 0 && !isExplicit && !isWaiting,
  );
}

export class RestingTopics {
  private readonly bySegment = new Map<string, Map<Topic, Position>>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  private get isFull(): boolean {
    return this.count >= MAX_RESTING;
  }

  has(topic: Topic): boolean {
    return this.bySegment.get(firstSegment(topic))?.has(topic) === true;
  }

  /**
   * Lets go of a silent topic that only patterns bring, if nothing would be missed without it.
   * @returns how many subscriptions ended
   */
  rest(topic: RoutedTopic, drop: (topic: RoutedTopic) => void): number {
    if (this.isFull || !canRest(topic)) return 0;
    const { name, epoch, head } = topic;
    const subscriptions = topic.subscriptions.slice();
    for (const subscription of subscriptions) subscription.owner.rested(subscription);
    drop(topic);
    if (!topic.isEphemeral) this.add(name, { epoch, sequence: head });
    return subscriptions.length;
  }

  /** Where the topic stood; it rests no longer. */
  take(topic: Topic): Position | undefined {
    if (this.count === 0) return undefined;
    const segment = firstSegment(topic);
    const siblings = this.bySegment.get(segment);
    const position = siblings?.get(topic);
    if (siblings === undefined || position === undefined) return undefined;
    siblings.delete(topic);
    this.count -= 1;
    if (siblings.size === 0) this.bySegment.delete(segment);
    return position;
  }

  /** Forgets those of a first segment that nothing brings any more. */
  keepOnly(segment: string, isWanted: (topic: Topic) => boolean): void {
    for (const topic of this.bySegment.get(segment)?.keys() ?? []) if (!isWanted(topic)) this.take(topic);
  }

  private add(topic: Topic, position: Position): void {
    const segment = firstSegment(topic);
    const siblings = this.bySegment.get(segment);
    if (siblings === undefined) this.bySegment.set(segment, new Map([[topic, position]]));
    else siblings.set(topic, position);
    this.count += 1;
  }
}
