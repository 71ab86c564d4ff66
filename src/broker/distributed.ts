/**
 * The distributed broker: the logs of topics in a store that all nodes share. This file joins the parts; the store
 * itself stands behind `TopicLogs`, so that all of this also runs in the simulator.
 */
import { createHash } from 'node:crypto';
import { isRefusal, refusal } from '../protocol/errors.ts';
import { joinParts } from '../protocol/parts.ts';
import { messageId, type Position } from '../protocol/position.ts';
import { looksLikePattern, topicDigest, type Topic } from '../protocol/topic.ts';
import { SegmentPool } from '../segments/segment-pool.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import { dropOldest } from '../telemetry/drop-oldest.ts';
import { ONE_TURN, Round, type Remainder } from '../telemetry/round.ts';
import { Sweeps } from '../telemetry/sweeps.ts';
import { AppendQueue, type AppendLimits } from './append-queue.ts';
import type {
  Appended,
  Broker,
  BrokerListener,
  Draft,
  History,
  HistorySourceOf,
  Published,
  ReadRequest,
  Reply,
  Retained,
} from './broker.ts';
import type { FollowedTopic } from './followed-topic.ts';
import { Follower, type FollowerCounts } from './follower.ts';
import { beganAnew, readThrough, retainedAt } from './history-source.ts';
import { Interests } from './interests.ts';
import { LogReader } from './log-reader.ts';
import { PacedReads, type ReadLimits } from './paced-reads.ts';
import { ephemeralPublication, layDown, pickUp } from './record.ts';
import { retentionOf, type Retention, type RetentionRules } from './retention.ts';
import type { NewRecord, Notice, TopicLogs, TopicLogsListener } from './topic-logs.ts';
import { TopicTail, type TailLimits } from './topic-tail.ts';

export interface DistributedBrokerOptions {
  readonly retention: RetentionRules;
  readonly append: AppendLimits;
  readonly reads: ReadLimits;
  readonly tail: TailLimits;
  /** A topic of which nothing was heard for so long is compared with its log. */
  readonly silenceMs: number;
  /** A topic that only patterns bring is let go of after so much silence. */
  readonly restMs: number;
  /** How long the store keeps what it knows of a topic after its last message. */
  readonly topicTtlMs: number;
  /** Followed topics that are looked at in one turn; without, as many as there is time for. */
  readonly lookedAtInATurn?: number;
}

interface TopicSettings {
  readonly retention: Retention;
  readonly digest: string;
}

/** Topics remembered with their settings; beyond, the oldest is looked up again. */
const REMEMBERED_TOPICS = 100_000;
const TICK_MS = 1_000;

export class DistributedBroker implements Broker, TopicLogsListener {
  private listener: BrokerListener | null = null;
  private readonly options: DistributedBrokerOptions;
  private readonly logs: TopicLogs;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly queue: AppendQueue;
  private readonly reads: PacedReads;
  private readonly follower: Follower;
  private readonly interests: Interests;
  private readonly reader: LogReader;
  private readonly pool: SegmentPool;
  private readonly remembered = new Map<Topic, TopicSettings>();
  private sourceOf: HistorySourceOf = () => null;
  private ticking: Timer | null = null;
  private readonly round = new Round<FollowedTopic>();
  private readonly sweeps: Sweeps;

  constructor(options: DistributedBrokerOptions, logs: TopicLogs, clock: Clock, scheduler: Scheduler) {
    this.options = options;
    this.logs = logs;
    this.clock = clock;
    this.scheduler = scheduler;
    this.pool = new SegmentPool(options.tail.totalBytes / 8);
    this.queue = new AppendQueue(options.append, logs, scheduler);
    this.reads = new PacedReads(options.reads, logs);
    this.follower = new Follower({
      logs,
      clock,
      reads: this.reads,
      listener: {
        published: (publication) => this.listener?.published(publication),
        epochChanged: (topic, epoch, first) => this.epochChanged(topic, epoch, first),
        renumbered: (topic, position) => this.listener?.renumbered(topic, position, this.sourceOf(topic) !== null),
        withdrawn: (topic, upTo) => this.listener?.withdrawn(topic, upTo),
        forgotten: (topic) => this.listener?.forgotten(topic),
      },
      newTail: (head) => new TopicTail(this.pool, options.tail, head),
      ageOf: ({ name }) => this.retention(name).ageMs,
      settled: (topic, refused) => this.interests.settled(topic, refused),
    });
    this.interests = new Interests({
      logs,
      scheduler,
      follower: this.follower,
      isEphemeral: (topic) => this.retention(topic).messages === 0,
      clock,
      rest: {
        afterMs: options.restMs,
        compareMs: options.silenceMs,
        forgetMs: options.topicTtlMs,
      },
      forgotten: (topic) => this.listener?.forgotten(topic),
    });
    this.sweeps = new Sweeps(scheduler, [() => this.compareSilent()], () => this.sweeps.goOn());
    this.reader = new LogReader(this.reads, clock, options.tail, (topic) => {
      if (!topic.isGone) this.follower.compare([topic]);
    });
  }

  /** Whether a look at the followed topics goes on in another turn. */
  get isSweeping(): boolean {
    return this.sweeps.isWaiting;
  }

  async start(listener: BrokerListener): Promise<void> {
    this.listener = listener;
    this.ticking = this.scheduler.every(TICK_MS, () => this.sweeps.beat());
    await this.logs.start(this);
  }

  async stop(): Promise<void> {
    this.ticking?.cancel();
    this.sweeps.end();
    this.listener = null;
    await this.logs.stop();
  }

  useHistory(sourceOf: HistorySourceOf): void {
    this.sourceOf = sourceOf;
  }

  retain(filter: Topic, reply: Reply<Retained>, by = ''): void {
    if (looksLikePattern(filter)) this.interests.retainPattern(filter, reply);
    else this.interests.retainTopic(filter, by, this.standing(filter, reply));
  }

  release(filter: Topic): void {
    if (looksLikePattern(filter)) this.interests.releasePattern(filter);
    else this.interests.releaseTopic(filter);
  }

  private epochChanged(topic: Topic, epoch: string, first: number): void {
    const source = first === 1 ? this.sourceOf(topic) : null;
    if (source === null) this.listener?.epochChanged(topic, epoch, first);
    else beganAnew(source, topic, this.listener, epoch);
  }

  /** Where a topic stands whose log is new, or was lost, its owner knows. */
  private standing(topic: Topic, reply: Reply<Retained>): Reply<Retained> {
    const source = this.sourceOf(topic);
    if (source === null) return reply;
    return (retained) => (isRefusal(retained) ? reply(retained) : retainedAt(source, topic, retained, reply));
  }

  publish(topic: Topic, draft: Draft, reply: Reply<Published>): void {
    const { retention, digest } = this.settings(topic);
    const message = { record: layDown(draft), from: draft.from, once: onceOf(draft) };
    if (retention.messages === 0) return this.publishEphemeral(topic, draft, message, reply);
    this.queue.append(topic, retention, message, (answer) => {
      if (isRefusal(answer)) return reply(answer);
      const { epoch, sequence, time, duplicate } = answer;
      reply({ id: messageId(time, sequence, digest), position: { epoch, sequence }, duplicate });
    });
  }

  append(topic: Topic, position: Position, timestamp: number, draft: Draft, reply: Reply<Appended>): void {
    this.queue.appendAt(topic, this.retention(topic), { ...position, timestamp }, layDown(draft), reply);
  }

  withdraw(topic: Topic, upTo: number, reply: Reply<null>): void {
    this.queue.withdraw(topic, upTo, reply);
  }

  read(name: Topic, request: ReadRequest, reply: Reply<History>): void {
    const { messages, ageMs } = this.retention(name);
    if (messages === 0) return reply(refusal('no_history', 'expected a logged topic, got one with history = 0'));
    const source = request.isOfLog === true ? null : this.sourceOf(name);
    this.reader.read(name, this.interests.topics.get(name), request, ageMs, (history) => {
      if (isRefusal(history) || source === null) reply(history);
      else readThrough(source, name, request, history, reply);
    });
  }

  // From the logs

  noticed(name: Topic, notice: Notice): void {
    if (notice.kind === 'ephemeral') return this.tellEphemeral(name, pickUp(notice.record));
    if (notice.kind === 'withdrawn') return this.withdrawn(name, notice.upTo);
    const topic = this.interests.topics.get(name) ?? this.interests.found(name);
    if (topic === null || topic === undefined) return;
    const [oldest] = notice.records;
    // A topic that a pattern brings is followed from its first message on.
    if (!topic.isKnown && topic.count === 0 && oldest !== undefined)
      this.follower.begin(
        topic,
        { epoch: notice.epoch, first: notice.first, lineage: [], withdrawn: notice.withdrawn },
        oldest.sequence - 1,
      );
    this.follower.noticed(topic, notice);
  }

  reconnected(): void {
    // Nobody knows which messages were withdrawn meanwhile: topics whose owners keep everything are read of them.
    for (const { name, head } of this.interests.topics.values())
      if (this.sourceOf(name) !== null) this.giveUp(name, head);
    this.interests.renew();
  }

  available(): void {
    this.follower.compare([...this.interests.topics.values()].filter(isSettled));
    this.interests.resting.compare();
  }

  /** What is held and what happened, for metrics. */
  usage(): {
    readonly topics: number;
    readonly resting: number;
    readonly bytes: number;
    readonly pending: number;
    readonly reads: number;
    readonly tailReads: number;
    readonly follower: FollowerCounts;
  } {
    return {
      topics: this.interests.topics.size,
      resting: this.interests.resting.size,
      bytes: this.pool.inUse,
      pending: this.queue.pending,
      reads: this.reads.total,
      tailReads: this.reader.fromTails,
      follower: this.follower.counts,
    };
  }

  /** Compares topics of which nothing was heard for long with their logs, and lets go of silent ones; as many as one turn has time for. */
  private compareSilent(): Remainder {
    if (!this.logs.isAvailable) return 'nothing';
    const { interests } = this;
    const silentSince = this.clock.elapsed() - this.options.silenceMs;
    if (this.round.isOver) this.round.begin(interests.topics.values(), interests.topics.size);
    const silent: FollowedTopic[] = [];
    this.round.next(this.options.lookedAtInATurn ?? ONE_TURN, (topic) => {
      const { isStale, heardAt } = topic;
      if (isSettled(topic) && (isStale || heardAt <= silentSince)) silent.push(topic);
      else interests.restIfDue(topic);
    });
    this.follower.compare(silent);
    if (!this.round.isOver) return 'has_time';
    interests.resting.compareIfDue();
    return 'nothing';
  }

  /** Within the node at once, whatever the store does; the other nodes hear of it by a notice. */
  private publishEphemeral(topic: Topic, draft: Draft, message: NewRecord, reply: Reply<Published>): void {
    if (message.once === null) {
      this.tellEphemeral(topic, draft);
      reply({ id: '', position: null, duplicate: false });
      // Without the store it stays within the node: nobody was promised more.
      if (this.logs.isAvailable) this.queue.ephemeral(topic, message, () => {});
      return;
    }
    this.queue.ephemeral(topic, message, (answer) => {
      if (isRefusal(answer)) return reply(answer);
      if (answer.outcome === 'conflict')
        return reply(
          refusal(
            'idempotency_conflict',
            'expected the payload that this idempotency_key was first used with, got another one',
          ),
        );
      if (answer.outcome === 'published') this.tellEphemeral(topic, draft);
      reply({ id: '', position: null, duplicate: answer.outcome === 'duplicate' });
    });
  }

  private tellEphemeral(topic: Topic, content: Omit<Draft, 'idempotencyKey'>): void {
    if (this.interests.has(topic)) this.listener?.published(ephemeralPublication(topic, content, this.clock.now()));
  }

  private withdrawn(name: Topic, upTo: number): void {
    const topic = this.interests.topics.get(name);
    if (topic !== undefined) topic.withdrawn = Math.max(topic.withdrawn, upTo);
    this.giveUp(name, upTo);
  }

  /** What this node keeps of a topic up to a sequence. */
  private giveUp(name: Topic, upTo: number): void {
    this.interests.topics.get(name)?.tail?.withdraw(upTo);
    this.listener?.withdrawn(name, upTo);
  }

  private retention(topic: Topic): Retention {
    return this.settings(topic).retention;
  }

  /** Looked up once: patterns and digests cost more than a publish should. */
  private settings(topic: Topic): TopicSettings {
    const known = this.remembered.get(topic);
    if (known !== undefined) return known;
    const settings = { retention: retentionOf(topic, this.options.retention), digest: topicDigest(topic) };
    this.remembered.set(topic, settings);
    dropOldest(this.remembered, REMEMBERED_TOPICS);
    return settings;
  }
}

/** Whether it is known where the topic stands, and nothing is being asked about it. */
function isSettled({ isKnown, isBusy }: FollowedTopic): boolean {
  return isKnown && !isBusy;
}

function onceOf({ idempotencyKey, from, payload }: Draft): NewRecord['once'] {
  if (idempotencyKey === undefined) return null;
  return { key: digestOf(scopeOf(from, idempotencyKey)), digest: digestOf(payload) };
}

/**
 * As nodes of the last release write it, so that a publish that is repeated on one of them happens once. A line break in one of the
 * two would make it ambiguous there: then it begins with what no other can.
 */
function scopeOf(from: string, idempotencyKey: string): string {
  const isPlain = !from.includes('\n') && !idempotencyKey.includes('\n');
  return isPlain ? `${from}\n${idempotencyKey}` : `\n\n${joinParts(from, idempotencyKey)}`;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
