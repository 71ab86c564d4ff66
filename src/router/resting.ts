/**
 * Topics that only patterns bring and that were silent for long: they are let go of, with the subscriptions that have
 * all of them, and only their positions are remembered. With its next message a topic goes on from there.
 */
import type { Position } from '../protocol/position.ts';
import { TopicIndex } from '../protocol/topic-index.ts';
import type { Topic } from '../protocol/topic.ts';
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
  private readonly places = new Map<Topic, Position>();
  private readonly index = new TopicIndex<Topic>();

  get size(): number {
    return this.places.size;
  }

  private get isFull(): boolean {
    return this.places.size >= MAX_RESTING;
  }

  has(topic: Topic): boolean {
    return this.places.has(topic);
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
    if (!topic.isEphemeral) {
      this.places.set(name, { epoch, sequence: head });
      this.index.set(name, name);
    }
    return subscriptions.length;
  }

  /** Where the topic stood; it rests no longer. */
  take(topic: Topic): Position | undefined {
    if (this.places.size === 0) return undefined;
    const position = this.places.get(topic);
    if (position === undefined) return undefined;
    this.places.delete(topic);
    this.index.delete(topic);
    return position;
  }

  /** A pattern is gone: forgets those that it matched and that nothing else brings. */
  leave(pattern: string, isWanted: (topic: Topic) => boolean): void {
    if (this.places.size === 0) return;
    for (const topic of this.index.matching(pattern)) if (!isWanted(topic)) this.take(topic);
  }
}
