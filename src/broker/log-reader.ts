/**
 * Answers reads: from a topic's tail when it reaches back far enough, else from the log. The first who stands before the
 * tail makes it longer, so that of a crowd that comes back together only one asks the log.
 */
import { isRefusal } from '../protocol/errors.ts';
import { topicDigest, type Topic } from '../protocol/topic.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { History, ReadRequest, Reply } from './broker.ts';
import { epochAt } from './eras.ts';
import type { FollowedTopic } from './followed-topic.ts';
import type { PacedReads } from './paced-reads.ts';
import { pickUp, publicationOf } from './record.ts';
import type { LogPage, StoredRecord } from './topic-logs.ts';
import type { TailLimits, TopicTail } from './topic-tail.ts';

const PAGE_MESSAGES = 500;
const PAGE_BYTES = 262_144;

export class LogReader {
  /** Reads that the log was not asked for. */
  fromTails = 0;
  /** The readers that wait for a tail to become longer. */
  private readonly warming = new Map<FollowedTopic, (() => void)[]>();
  private readonly reads: PacedReads;
  private readonly clock: Clock;
  private readonly limits: TailLimits;
  private readonly compare: (topic: FollowedTopic) => void;

  /** @param compare asks where a followed topic stands, and brings it there */
  constructor(reads: PacedReads, clock: Clock, limits: TailLimits, compare: (topic: FollowedTopic) => void) {
    this.reads = reads;
    this.clock = clock;
    this.limits = limits;
    this.compare = compare;
  }

  read(
    name: Topic,
    topic: FollowedTopic | undefined,
    request: ReadRequest,
    ageMs: number,
    reply: Reply<History>,
  ): void {
    const { tail } = topic ?? {};
    if (topic === undefined || tail === null || tail === undefined || topic.isOutdated || request.reverse === true)
      return this.readLog(name, topic, request, ageMs, reply);
    if (this.answer(topic, tail, request, ageMs, reply)) return;
    const from = this.warmFrom(topic, request);
    if (from === null) return this.readLog(name, topic, request, ageMs, reply);
    const retry = (): void => {
      const { tail } = topic;
      if (tail === null || topic.isOutdated || !this.answer(topic, tail, request, ageMs, reply))
        this.readLog(name, topic, request, ageMs, reply);
    };
    const waiting = this.warming.get(topic);
    if (waiting !== undefined) waiting.push(retry);
    else {
      this.warming.set(topic, [retry]);
      this.warm(topic, tail, { epoch: topic.epoch, from, ageMs, older: [] });
    }
  }

  private answer(
    topic: FollowedTopic,
    tail: TopicTail,
    request: ReadRequest,
    ageMs: number,
    reply: Reply<History>,
  ): boolean {
    const deadline = this.clock.now() - ageMs;
    const { after } = request;
    if (after === 'earliest') return false;
    const sequence = 'epoch' in after ? topic.resolve(after) : null;
    const from = 'epoch' in after ? sequence !== null && { sequence } : after;
    const start = from === false ? null : tail.start(from, deadline);
    if (start === null) return false;
    this.fromTails += 1;
    reply(tail.page(topic.name, topic.digest, topic, start, request, deadline));
    return true;
  }

  /** From where on the tail would serve the request, if it may become that long. Somewhat more: others come from further back. */
  private warmFrom(topic: FollowedTopic, { after }: ReadRequest): number | null {
    if (after === 'earliest' || !('epoch' in after)) return null;
    const sequence = topic.resolve(after);
    if (sequence === null || sequence >= topic.head) return null;
    const missed = topic.head - sequence;
    if (missed > this.limits.messages) return null;
    return Math.max(0, topic.head - Math.min(this.limits.messages, missed * 2));
  }

  private warm(
    topic: FollowedTopic,
    tail: TopicTail,
    wanted: { readonly epoch: string; readonly from: number; readonly ageMs: number; readonly older: StoredRecord[] },
  ): void {
    const { epoch, from, ageMs, older } = wanted;
    const after = { epoch, sequence: older.at(-1)?.sequence ?? from };
    const request = { after, before: tail.first, limit: PAGE_MESSAGES, maxBytes: PAGE_BYTES };
    this.reads.read(topic.name, request, ageMs, (answer) => {
      const isOf = topic.tail === tail && topic.epoch === epoch && !topic.isGone;
      if (answer === null || isRefusal(answer) || answer.lost !== null || answer.epoch !== epoch || !isOf)
        return this.warmed(topic);
      // Trimmed between two pages: what went before the hole is no longer in the log either.
      if (answer.oldest > after.sequence + 1) older.length = 0;
      older.push(...answer.records);
      const [oldest] = older;
      const reached = (older.at(-1)?.sequence ?? 0) + 1;
      if (reached < tail.first && answer.records.length > 0) return this.warm(topic, tail, wanted);
      if (oldest !== undefined && reached === tail.first) tail.prepend(older, oldest.sequence === answer.oldest);
      this.warmed(topic);
    });
  }

  private warmed(topic: FollowedTopic): void {
    const waiting = this.warming.get(topic) ?? [];
    this.warming.delete(topic);
    for (const retry of waiting) retry();
  }

  private readLog(
    name: Topic,
    topic: FollowedTopic | undefined,
    request: ReadRequest,
    ageMs: number,
    reply: Reply<History>,
  ): void {
    this.reads.read(name, request, ageMs, (answer) => {
      if (answer === null) {
        if (topic?.isKnown !== true) return reply(nothing(request));
        // Its log is lost. Comparing begins a new one, which is read then: both go the same way, in this order.
        this.compare(topic);
        return this.readLog(name, undefined, request, ageMs, reply);
      }
      if (isRefusal(answer)) return reply(answer);
      // The log knows more than the notices have told: some of them may be lost.
      const isNews = topic?.isKnown === true && hasNews(topic, answer);
      topic?.saw(answer.epoch);
      if (isNews) this.compare(topic);
      reply(historyOf(name, answer));
    });
  }
}

function hasNews(topic: FollowedTopic, { epoch, top, withdrawn }: LogPage): boolean {
  return epoch !== topic.epoch || top > topic.head || withdrawn !== topic.withdrawn;
}

function historyOf(topic: Topic, page: LogPage): History {
  const { epoch, first, top, oldest, after, lost, records } = page;
  const digest = topicDigest(topic);
  const publications = records.map(({ sequence, time, record }) =>
    publicationOf(topic, digest, { epoch: epochAt(sequence, page), sequence }, pickUp(record), time),
  );
  return { epoch, epochFirst: first, top, first: oldest, after, lost, publications };
}

/** What is said of a topic that nobody knows. */
function nothing({ after }: ReadRequest): History {
  const hasPosition = typeof after === 'object' && 'epoch' in after && after.epoch !== '';
  return {
    epoch: '',
    epochFirst: 1,
    top: 0,
    first: 1,
    after: 0,
    lost: hasPosition ? 'unknown_epoch' : null,
    publications: [],
  };
}
