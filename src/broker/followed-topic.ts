/** A topic that this node follows: where it stands, what waits for it, and its tail. */
import { topicDigest, type Topic } from '../protocol/topic.ts';
import type { Reply, Retained } from './broker.ts';
import type { Era, Head, LogNotice } from './topic-logs.ts';
import type { TopicTail } from './topic-tail.ts';

/** Messages held back at most while a question about the topic is under way. Messages that do not fit are read afterwards. */
const MAX_HELD = 1_000;

export class FollowedTopic {
  readonly name: Topic;
  readonly digest: string;
  /** The user who was the first to ask for it here: if it does not exist, it begins for them. '' when a pattern brings it. */
  by = '';
  /** How often interest in exactly this topic is counted; without any a pattern brings it. */
  count = 0;
  /** Whether its notices come: a subscription was confirmed, and the link has not been lost since. */
  isSubscribed = false;
  /** The epoch, its first sequence and the newest sequence that was told. Before the first answer the tail is null. */
  epoch = '';
  first = 1;
  head = 0;
  lineage: readonly Era[] = [];
  /** An epoch of ours that a page of the log has shown to be over, while the comparison is still under way. */
  endedEpoch = '';
  tail: TopicTail | null = null;
  /** Up to where its owner has withdrawn messages, as far as this node has heard. */
  withdrawn = 0;
  /** A question is under way: notices wait for the answer. */
  isBusy = false;
  /** To be compared once the question under way has been answered: that one was asked too early. */
  isDue = false;
  /** Nobody follows it any more: answers that still come are of no use. */
  isGone = false;
  /** An answer did not come: nothing is told until the topic has been compared. */
  isStale = false;
  /** When something was last heard of it, by the monotonic clock, in ms. */
  heardAt = 0;
  /** Where it stood when that was last found changed, and when: by this its silence is measured. */
  readonly seen = { head: -1, epoch: '', at: 0 };
  /** The requests that wait for the position. */
  waiting: Reply<Retained>[] = [];
  private held: LogNotice[] = [];
  private heldRecords = 0;
  private isOverflown = false;

  constructor(name: Topic) {
    this.name = name;
    this.digest = topicDigest(name);
  }

  get isKnown(): boolean {
    return this.tail !== null;
  }

  /** The tail may not answer: readers that know of the next epoch must not hear of this one again. */
  get isOutdated(): boolean {
    return this.isKnown && this.endedEpoch === this.epoch;
  }

  /** A page of the log names this epoch. */
  saw(epoch: string): void {
    if (epoch !== this.epoch && !this.lineage.some((era) => era.epoch === epoch)) this.endedEpoch = this.epoch;
  }

  hold(notice: LogNotice): void {
    if (this.heldRecords + notice.records.length > MAX_HELD) {
      this.isOverflown = true;
      return;
    }
    this.held.push(notice);
    this.heldRecords += notice.records.length;
  }

  /** What was held back; and whether some of it did not fit. */
  takeHeld(): { readonly notices: readonly LogNotice[]; readonly isOverflown: boolean } {
    const { held: notices, isOverflown } = this;
    this.held = [];
    this.heldRecords = 0;
    this.isOverflown = false;
    return { notices, isOverflown };
  }

  /**
   * The first sequence of a later epoch: below it our messages are those of the log, from it on they are not. 1 when
   * our epoch is not among its ancestors: then nothing is.
   */
  divergence({ first, lineage }: Pick<Head, 'first' | 'lineage'>): number {
    let follower = first;
    for (const era of lineage) {
      if (era.epoch === this.epoch) return follower;
      follower = era.first;
    }
    return 1;
  }

  /** The sequence that a position of this or an older epoch stands for in the present one, `null` when that is not known. */
  resolve({ epoch, sequence }: { readonly epoch: string; readonly sequence: number }): number | null {
    if (epoch === this.epoch) return sequence;
    let follower = this.first;
    for (const era of this.lineage) {
      if (era.epoch === epoch) return sequence < follower ? sequence : null;
      follower = era.first;
    }
    return null;
  }
}
