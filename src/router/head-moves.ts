/**
 * How a topic's head moves otherwise than by its next publication: over a hole, into another epoch, to another numbering.
 * Everybody who was live then goes on from the log, or is told what is lost.
 */
import type { Position } from '../protocol/position.ts';
import type { EarlyNews } from './early-news.ts';
import type { FanOut } from './fan-out.ts';
import type { RoutedTopic } from './routed-topic.ts';
import { JOINING, LAGGING, LIVE, type Subscription } from './subscription.ts';

export class HeadMoves {
  /** Changes of epoch so far, of all topics: the newest of a topic is its `epochNumber`. */
  epochs = 0;
  private readonly fanOut: FanOut;
  private readonly early: EarlyNews;

  /**
   * @param fanOut counts what was published before the move, while it is in the tail
   * @param early keeps what is told of a topic that waits for its position
   */
  constructor(fanOut: FanOut, early: EarlyNews) {
    this.fanOut = fanOut;
    this.early = early;
  }

  /** A hole that the broker did not fill, or news that the log is ahead: everybody goes on from the log. */
  jump(topic: RoutedTopic, head: number): void {
    this.fanOut.route(topic);
    allFallBehind(topic);
    topic.jumpTo(head);
  }

  /** The topic goes on under another epoch whose first sequence is `first`; later ones of the old epoch are gone. */
  epochChanged(topic: RoutedTopic, epoch: string, first: number): void {
    if (!topic.isReady)
      return this.early.epochChanged(topic, epoch, first, () => this.epochChanged(topic, epoch, first));
    if (topic.epoch === epoch) return;
    if (topic.head >= first) topic.hasLost = true;
    this.fanOut.route(topic);
    allFallBehind(topic);
    topic.trace?.cut(epoch, first, topic.routedHead, topic.subscriptions);
    if (topic.head < first - 1) topic.jumpTo(first - 1);
    else topic.cutAt(first - 1);
    this.enter(topic, epoch);
    for (const subscription of topic.subscriptions) {
      if (subscription.state === JOINING) continue;
      if (subscription.written >= first) {
        subscription.startAt(first - 1, LAGGING);
        subscription.openGap({ cause: 'history_lost', epoch, sequence: first - 1 });
      }
      subscription.owner.announced(subscription);
    }
  }

  /** The topic's owner began its own numbering: subscribers at the head are now at `position`, and the others have lost the rest. */
  renumbered(topic: RoutedTopic, position: Position, hasHistory: boolean): void {
    if (!topic.isReady)
      return this.early.renumbered(topic, () => {
        if (topic.epoch !== position.epoch) this.renumbered(topic, position, hasHistory);
      });
    // Known from the owner before its log was: the log begins again within the same numbers.
    if (topic.epoch === position.epoch) return this.reach(topic, position.sequence);
    this.fanOut.route(topic);
    if (hasHistory && topic.head === 0 && !topic.hasLost) {
      // Nobody has had anything of a topic that never had a message: what comes before this position is theirs, too.
      topic.trace?.startAt(position.epoch);
      this.enter(topic, position.epoch);
      return this.reach(topic, position.sequence);
    }
    const behind = new Set<Subscription>();
    for (const subscription of topic.subscriptions) {
      if (subscription.state === LIVE && subscription.queued > 0) subscription.owner.fellBehind(subscription);
      if (subscription.state === LAGGING) behind.add(subscription);
    }
    topic.trace?.cut(position.epoch, 1, topic.routedHead, topic.subscriptions);
    topic.jumpTo(position.sequence);
    this.enter(topic, position.epoch);
    for (const subscription of topic.subscriptions) {
      if (subscription.state === JOINING) continue;
      subscription.startAt(position.sequence, LIVE);
      if (!behind.has(subscription) && !(hasHistory && topic.hasLost)) continue;
      subscription.openGap({ cause: 'history_lost', epoch: position.epoch, sequence: position.sequence });
      subscription.owner.announced(subscription);
    }
    topic.hasLost = false;
  }

  /** The tails give up their messages up to a sequence: subscribers that wait for some of them read the log. */
  withdraw(topic: RoutedTopic, upTo: number): void {
    this.fanOut.route(topic);
    for (const subscription of topic.subscriptions) {
      const isWaiting = subscription.state === LIVE && subscription.queued > 0 && subscription.written < upTo;
      if (isWaiting) subscription.owner.fellBehind(subscription);
    }
    topic.withdraw(upTo);
  }

  /** The head is there: subscribers that are behind go on from the log. */
  private reach(topic: RoutedTopic, sequence: number): void {
    if (sequence > topic.head) this.jump(topic, sequence);
  }

  /**
   * An answer that was asked for before the topic's newest epoch was heard of can be about one that has ended.
   * @param asked how many changes of epoch there had been when the broker was asked
   */
  learn(topic: RoutedTopic, position: Position, asked: number): void {
    if (topic.epoch === position.epoch) {
      if (position.sequence > topic.head) this.jump(topic, position.sequence);
    } else if (topic.epochNumber <= asked) this.relearn(topic, position);
  }

  /** A topic that nobody listened to for a while was not told of its new epoch. The broker tells those that listen. */
  private relearn(topic: RoutedTopic, position: Position): void {
    if (topic.isEphemeral || topic.subscriptions.some(({ state }) => state !== JOINING)) return;
    topic.trace?.startAt(position.epoch);
    topic.jumpTo(position.sequence);
    topic.hasLost = false;
    this.enter(topic, position.epoch);
  }

  private enter(topic: RoutedTopic, epoch: string): void {
    this.epochs += 1;
    topic.epoch = epoch;
    topic.epochNumber = this.epochs;
  }
}

function allFallBehind(topic: RoutedTopic): void {
  for (const subscription of topic.subscriptions) {
    if (subscription.state === LIVE) subscription.owner.fellBehind(subscription);
  }
}
