/**
 * At the end of a turn what was published is counted into the mailboxes of the live subscribers: a turn's work is per
 * subscriber and topic, not per subscriber and message.
 */
import type { FlushRequests } from './interest.ts';
import type { RoutedTopic } from './routed-topic.ts';
import { LIVE } from './subscription.ts';

export class FanOut {
  /** Topics with publications that are not counted yet. */
  private dirty: RoutedTopic[] = [];
  private readonly flush: FlushRequests;

  constructor(flush: FlushRequests) {
    this.flush = flush;
  }

  /** The topic has a new publication: it has its turn when the turn ends. */
  add(topic: RoutedTopic): void {
    if (topic.isDirty) return;
    topic.isDirty = true;
    if (this.dirty.length === 0) this.flush.atEndOfTurn();
    this.dirty.push(topic);
  }

  /** Counts what was published this turn into the mailboxes of all live subscribers. @returns whether there was anything */
  routeDirty(): boolean {
    const topics = this.dirty;
    if (topics.length === 0) return false;
    this.dirty = [];
    for (const topic of topics) this.route(topic);
    return true;
  }

  /** Counts what was published of one topic. */
  route(topic: RoutedTopic): void {
    topic.isDirty = false;
    const count = topic.head - topic.routedHead;
    if (count === 0) return;
    topic.trace?.queued(topic.routedHead, topic.head);
    const bytes = topic.allRouted();
    topic.routedCount += count;
    const { subscriptions } = topic;
    // Backwards: a connection that ends on the way swaps the last subscription, which has had its turn, into its place.
    for (let at = subscriptions.length - 1; at >= 0; at -= 1) {
      const subscription = subscriptions[at];
      if (subscription === undefined) continue;
      if (subscription.state !== LIVE) continue;
      const { owner } = subscription;
      try {
        owner.queued(subscription, count, bytes[owner.codec.index] ?? 0);
      } catch (error) {
        // One subscriber's failure is its own: the others get their publications.
        owner.faulted(error);
      }
    }
  }
}
