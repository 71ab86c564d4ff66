/**
 * Keeps followed topics in step with their logs: notices are told in order of their sequences, a hole is read from the
 * log, a change of epoch is told once with the sequence at which it begins, and what was silent is compared.
 */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { BrokerListener } from './broker.ts';
import type { FollowedTopic } from './followed-topic.ts';
import type { PacedReads } from './paced-reads.ts';
import { pickUp, publicationOf } from './record.ts';
import type { Head, LogNotice, LogPage, StoredRecord, TopicLogs } from './topic-logs.ts';
import type { TopicTail } from './topic-tail.ts';

export interface FollowerParts {
  readonly logs: TopicLogs;
  readonly reads: PacedReads;
  readonly clock: Clock;
  readonly listener: Omit<BrokerListener, 'renumbered'> & { renumbered(topic: Topic, position: Position): void };
  readonly newTail: (head: number) => TopicTail;
  readonly ageOf: (topic: FollowedTopic) => number;
  /** Told when a topic's position is known for the first time, or cannot be; and when there is no room for the topic. */
  readonly settled: (topic: FollowedTopic, noRoom: Refusal | null) => void;
}

/** What happened, for metrics. */
export interface FollowerCounts {
  holes: number;
  filled: number;
  skipped: number;
  epochChanges: number;
  compared: number;
}

const PAGE_MESSAGES = 200;
const PAGE_BYTES = 1_048_576;
/** A hole that is longer is left to those who need it: they read the log themselves, paced by their sockets. */
const MAX_FILL = 1_000;
/** Topics compared by one call. */
const COMPARE_AT_ONCE = 200;

export class Follower {
  readonly counts: FollowerCounts = { holes: 0, filled: 0, skipped: 0, epochChanges: 0, compared: 0 };
  private readonly parts: FollowerParts;

  constructor(parts: FollowerParts) {
    this.parts = parts;
  }

  noticed(topic: FollowedTopic, notice: LogNotice): void {
    topic.heardAt = this.parts.clock.elapsed();
    if (topic.isBusy || !topic.isKnown) topic.hold(notice);
    else if (!topic.isStale) this.apply(topic, notice);
  }

  /** Asks where topics stand and brings them there; those that are being asked about already, once more afterwards. */
  compare(topics: readonly FollowedTopic[]): void {
    const idle = topics.filter((topic) => {
      topic.isDue = topic.isBusy;
      return !topic.isBusy;
    });
    const known = idle.filter(({ isKnown }) => isKnown);
    for (let at = 0; at < known.length; at += COMPARE_AT_ONCE) this.compareSome(known.slice(at, at + COMPARE_AT_ONCE));
    // Nobody waits for the room that another's new topics need.
    const byUser = new Map<string, FollowedTopic[]>();
    for (const topic of idle) {
      if (topic.isKnown) continue;
      const theirs = byUser.get(topic.by);
      if (theirs === undefined) byUser.set(topic.by, [topic]);
      else theirs.push(topic);
    }
    for (const topics of byUser.values())
      for (let at = 0; at < topics.length; at += COMPARE_AT_ONCE)
        this.compareSome(topics.slice(at, at + COMPARE_AT_ONCE));
  }

  /** Begins to follow at a position that is known from somewhere. */
  begin(topic: FollowedTopic, { epoch, first, lineage, withdrawn }: Omit<Head, 'top'>, head: number): void {
    topic.withdrawn = withdrawn;
    topic.epoch = epoch;
    topic.first = first;
    topic.lineage = lineage;
    topic.head = head;
    topic.tail = this.parts.newTail(head);
    topic.heardAt = this.parts.clock.elapsed();
  }

  private compareSome(topics: readonly FollowedTopic[]): void {
    for (const topic of topics) topic.isBusy = true;
    this.counts.compared += topics.length;
    this.parts.logs.heads(topics, (answer) => {
      for (const [at, topic] of topics.entries()) {
        if (topic.isGone) continue;
        const head = answer[at] ?? null;
        if (head === null || isRefusal(head)) this.giveUp(topic, head);
        else this.align(topic, head);
      }
    });
  }

  private align(topic: FollowedTopic, head: Head): void {
    topic.heardAt = this.parts.clock.elapsed();
    topic.isStale = false;
    if (!topic.isKnown) {
      this.begin(topic, head, head.top);
      this.release(topic);
      this.parts.settled(topic, null);
      return;
    }
    this.withdrawn(topic, head.withdrawn);
    if (head.epoch !== topic.epoch) this.changeEpoch(topic, head, topic.divergence(head));
    topic.lineage = head.lineage;
    topic.first = head.first;
    if (head.top > topic.head) this.fill(topic, head.top, 0);
    else this.release(topic);
    this.parts.settled(topic, null);
  }

  private apply(topic: FollowedTopic, notice: LogNotice): void {
    const { listener } = this.parts;
    this.withdrawn(topic, notice.withdrawn);
    const start = (notice.records[0] as StoredRecord).sequence - 1;
    if (notice.adopted && !(notice.epoch === topic.epoch && topic.head > start)) {
      topic.epoch = notice.epoch;
      topic.first = notice.first;
      topic.lineage = [];
      topic.head = start;
      topic.tail?.reset(start);
      listener.renumbered(topic.name, { epoch: topic.epoch, sequence: start });
    } else if (notice.epoch !== topic.epoch) {
      if (notice.previous !== topic.epoch) {
        // One or more epochs were missed: only the log knows where ours ended.
        topic.hold(notice);
        this.compare([topic]);
        return;
      }
      const older = { epoch: topic.epoch, first: topic.first };
      this.changeEpoch(topic, notice, notice.first);
      topic.lineage = [older, ...topic.lineage];
    }
    if (start > topic.head) {
      this.counts.holes += 1;
      topic.hold(notice);
      this.fill(topic, start, 0);
      return;
    }
    for (const record of notice.records) this.tell(topic, record);
  }

  /** Reads on from the log until what is known of it has been told. @param goal a sequence that is known to exist */
  private fill(topic: FollowedTopic, goal: number, filled: number): void {
    topic.isBusy = true;
    const isLong = goal - topic.head > MAX_FILL || filled > MAX_FILL;
    const after = isLong ? goal - PAGE_MESSAGES : topic.head;
    if (isLong) this.counts.skipped += after - topic.head;
    const request = { after: { epoch: topic.epoch, sequence: after }, limit: PAGE_MESSAGES, maxBytes: PAGE_BYTES };
    this.parts.reads.read(topic.name, request, this.parts.ageOf(topic), (answer) => {
      if (topic.isGone) return;
      if (answer === null) {
        topic.isBusy = false;
        this.compare([topic]);
      } else if (isRefusal(answer)) this.giveUp(topic);
      else this.filledBy(topic, answer, goal, filled);
    });
  }

  private filledBy(topic: FollowedTopic, page: LogPage, goal: number, filled: number): void {
    this.withdrawn(topic, page.withdrawn);
    if (page.epoch !== topic.epoch) {
      this.changeEpoch(topic, page, topic.divergence(page));
      topic.lineage = page.lineage;
    }
    if (page.lost !== null) return this.fillMore(topic, page.top, filled);
    for (const record of page.records) this.tell(topic, record);
    this.counts.filled += page.records.length;
    if (page.records.length === 0) {
      // The log no longer has it, or has lost it and stands before it (an owner's epoch stays): asking again would never
      // end. The next publication shows the hole, and readers that need it are told.
      topic.head = Math.max(topic.head, page.oldest - 1, goal);
      topic.tail?.cutAt(topic.head);
      this.release(topic);
    } else this.fillMore(topic, Math.max(goal, page.top), filled + page.records.length);
  }

  private fillMore(topic: FollowedTopic, goal: number, filled: number): void {
    if (topic.head < goal) this.fill(topic, goal, filled);
    else this.release(topic);
  }

  /** A log that was lost has forgotten it, and begins to count anew. */
  private withdrawn(topic: FollowedTopic, upTo: number): void {
    if (topic.withdrawn === upTo) return;
    topic.withdrawn = upTo;
    topic.tail?.withdraw(upTo);
    this.parts.listener.withdrawn(topic.name, upTo);
  }

  private tell(topic: FollowedTopic, stored: StoredRecord): void {
    if (stored.sequence <= topic.head) return;
    topic.head = stored.sequence;
    topic.tail?.add(stored);
    const { name, digest, epoch } = topic;
    this.parts.listener.published(
      publicationOf(name, digest, { epoch, sequence: stored.sequence }, pickUp(stored.record), stored.time),
    );
  }

  private changeEpoch(
    topic: FollowedTopic,
    era: { readonly epoch: string; readonly first: number },
    from: number,
  ): void {
    this.counts.epochChanges += 1;
    topic.epoch = era.epoch;
    topic.first = era.first;
    topic.head = from - 1;
    topic.tail?.cutAt(from - 1);
    this.parts.listener.epochChanged(topic.name, era.epoch, from);
  }

  /** The question has been answered: what waited is told. */
  private release(topic: FollowedTopic): void {
    topic.isBusy = false;
    const { notices, isOverflown } = topic.takeHeld();
    for (const notice of notices) {
      // Notices of an epoch that is neither ours nor follows it come from a primary that is one no longer.
      const fits = notice.epoch === topic.epoch || notice.previous === topic.epoch || notice.adopted;
      if (fits) this.noticed(topic, notice);
    }
    if (isOverflown || topic.isDue) this.compare([topic]);
  }

  /** No answer: nothing more is told until the topic has been compared. */
  private giveUp(topic: FollowedTopic, noRoom: Refusal | null = null): void {
    topic.isBusy = false;
    topic.isStale = true;
    topic.isDue = false;
    topic.takeHeld();
    this.parts.settled(topic, noRoom);
  }
}
