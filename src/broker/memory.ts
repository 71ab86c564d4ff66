/** The embedded broker: one node's topics in memory. A restart of the process begins new epochs. */
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { MAX_PATTERN_POSITIONS } from '../protocol/limits.ts';
import { PatternIndex } from '../protocol/pattern-index.ts';
import { joinParts } from '../protocol/parts.ts';
import type { Position, Publication } from '../protocol/position.ts';
import { TopicIndex } from '../protocol/topic-index.ts';
import { isDirectTopic, looksLikePattern, tenantOf, type Topic } from '../protocol/topic.ts';
import { SegmentPool } from '../segments/segment-pool.ts';
import type { Clock, Random } from '../telemetry/clock.ts';
import { ONE_TURN, type Remainder } from '../telemetry/round.ts';
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
import { beganAnew, readThrough, retainedAt } from './history-source.ts';
import { IdempotencyWindow } from './idempotency.ts';
import type { InboxSenders } from './inbox-senders.ts';
import { LogSweep } from './log-sweep.ts';
import { MemoryTopic } from './memory-topic.ts';
import { retentionOf, type RetentionRules } from './retention.ts';
import { boundNames, inboxFull, noRoom, topicBounds, type BrokerShares } from './topic-bounds.ts';
import { TopicShares } from './topic-shares.ts';

export interface MemoryBrokerOptions {
  readonly retention: RetentionRules;
  readonly maxTopics: number;
  /** Bounds of each tenant and user beside the one that all share, and of inboxes; without, only `maxTopics` counts. */
  readonly shares?: BrokerShares;
  /** All logs together; above it the largest logs are shortened, which subscribers that needed it learn by a `Gap`. */
  readonly maxBytes: number;
  readonly idempotencyWindowMs: number;
  readonly idempotencyKeys: number;
  /** How long an unused topic keeps its epoch and sequence once its log is empty. */
  readonly forgetAfterMs: number;
}

const NOTHING_MATCHED: ReadonlyMap<Topic, Position> = new Map();
/** Names looked at for one pattern: half a millisecond. The next message brings a topic that was not reached. */
const MAX_LOOKED = 10_000;
/** Above this share of `maxBytes` publishing is refused until the sweep has made room. */
const REFUSE_ABOVE = 1.1;

export class MemoryBroker implements Broker {
  private listener: BrokerListener | null = null;
  private readonly topics = new Map<Topic, MemoryTopic>();
  private readonly index = new TopicIndex<MemoryTopic>();
  private readonly patterns = new PatternIndex<number>();
  private patternsVersion = 0;
  private sourceOf: HistorySourceOf = () => null;
  private readonly keys: IdempotencyWindow;
  private readonly pool: SegmentPool;
  private readonly logs: LogSweep;
  private readonly named: TopicShares;
  private readonly inboxes: TopicShares;
  private readonly options: MemoryBrokerOptions;
  private readonly clock: Clock;
  private readonly random: Random;

  constructor(options: MemoryBrokerOptions, clock: Clock, random: Random) {
    this.options = options;
    this.clock = clock;
    this.random = random;
    this.keys = new IdempotencyWindow(options.idempotencyWindowMs, options.idempotencyKeys);
    this.pool = new SegmentPool(options.maxBytes / 8);
    this.logs = new LogSweep(this.topics, this.pool, options.maxBytes);
    this.named = this.sharesOf(options.maxTopics, 'topics.max_topics');
    this.inboxes = this.sharesOf(options.shares?.inboxes ?? options.maxTopics, 'topics.max_inboxes');
  }

  start(listener: BrokerListener): Promise<void> {
    this.listener = listener;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.listener = null;
    return Promise.resolve();
  }

  useHistory(sourceOf: HistorySourceOf): void {
    this.sourceOf = sourceOf;
  }

  retain(filter: Topic, reply: Reply<Retained>, by = ''): void {
    if (looksLikePattern(filter)) {
      this.patterns.set(filter, (this.patterns.get(filter) ?? 0) + 1);
      this.patternsVersion += 1;
      reply(this.matching(filter));
      return;
    }
    const topic = this.open(filter, by);
    if (isRefusal(topic)) return reply(topic);
    topic.retained += 1;
    topic.senders?.clear();
    const retained = { position: topic.isEphemeral ? null : topic.position, matched: NOTHING_MATCHED };
    const source = this.sourceOf(filter);
    if (source === null) reply(retained);
    else retainedAt(source, filter, retained, reply);
  }

  release(filter: Topic): void {
    if (looksLikePattern(filter)) {
      const count = (this.patterns.get(filter) ?? 1) - 1;
      if (count > 0) this.patterns.set(filter, count);
      else this.patterns.delete(filter);
      this.patternsVersion += 1;
      return;
    }
    const topic = this.topics.get(filter);
    if (topic !== undefined && topic.retained > 0) topic.retained -= 1;
  }

  publish(name: Topic, draft: Draft, reply: Reply<Published>): void {
    const topic = this.open(name, draft.from);
    if (!(topic instanceof MemoryTopic)) return reply(topic);
    const { idempotencyKey } = draft;
    const scope = idempotencyKey === undefined ? null : joinParts(name, draft.from, idempotencyKey);
    if (scope !== null) {
      const earlier = this.keys.find(scope, draft.payload, this.clock.elapsed());
      if (earlier === 'conflict')
        return reply(
          refusal(
            'idempotency_conflict',
            'expected the payload that this idempotency_key was first used with, got another one',
          ),
        );
      if (earlier === 'full')
        return reply(
          refusal(
            'log_unavailable',
            'expected fewer idempotency keys in use on this node; the oldest expire soon',
            1_000,
          ),
        );
      if (earlier !== null) return reply(earlier);
    }
    if (!topic.isEphemeral && this.pool.inUse > this.options.maxBytes * REFUSE_ABOVE) {
      return reply(
        refusal('log_unavailable', 'expected room in the logs of this node; old messages are being dropped', 1_000),
      );
    }
    const isFollowed = this.isRetained(topic);
    const crowded = topic.senders === null || isFollowed ? null : this.crowding(topic, topic.senders, draft);
    if (crowded !== null) return reply(crowded);
    const publication = topic.isEphemeral
      ? topic.ephemeral(draft, this.clock.now())
      : topic.append(draft, this.clock.now(), isFollowed);
    const published: Published = { id: publication.id, position: publication.position, duplicate: false };
    if (scope !== null) this.keys.remember(scope, draft.payload, published, this.clock.elapsed());
    if (isFollowed) this.tell(topic, publication);
    reply(published);
  }

  append(name: Topic, position: Position, timestamp: number, draft: Draft, reply: Reply<Appended>): void {
    const topic = this.open(name, draft.from);
    if (isRefusal(topic)) return reply(topic);
    if (topic.log.length === 0 && (topic.epoch !== position.epoch || topic.log.next !== position.sequence))
      this.adopt(topic, position);
    if (topic.epoch !== position.epoch) return reply({ status: 'conflict' });
    if (position.sequence > topic.log.next) return reply({ status: 'ahead', expected: topic.log.next });
    if (position.sequence < topic.log.next) {
      const known = position.sequence < topic.log.first || topic.holds(position.sequence, draft);
      return reply({ status: known ? 'duplicate' : 'conflict' });
    }
    const isFollowed = this.isRetained(topic);
    const publication = topic.append(draft, timestamp, isFollowed);
    if (isFollowed) this.tell(topic, publication);
    reply({ status: 'appended' });
  }

  withdraw(name: Topic, upTo: number, reply: Reply<null>): void {
    this.topics.get(name)?.log.dropBefore(upTo + 1);
    this.listener?.withdrawn(name, upTo);
    reply(null);
  }

  read(name: Topic, request: ReadRequest, reply: Reply<History>): void {
    const topic = this.topics.get(name);
    if (topic?.isEphemeral === true)
      return reply(refusal('no_history', `expected a logged topic, got one with history = 0`));
    topic?.expire(this.clock.now());
    const history = topic?.read(request) ?? nothing(request);
    const source = request.isOfLog === true ? null : this.sourceOf(name);
    if (source === null) reply(history);
    else readThrough(source, name, request, history, reply);
  }

  /** Begins a new stream for a topic, as if its log had been lost: for operators, tests and the simulator. */
  forget(name: Topic): void {
    const topic = this.topics.get(name);
    if (topic === undefined || topic.isEphemeral) return;
    topic.restart(this.random.id());
    const source = this.sourceOf(name);
    if (source === null) this.listener?.epochChanged(name, topic.epoch, topic.epochFirst);
    else beganAnew(source, name, this.listener, topic.epoch);
  }

  /**
   * Drops what is too old, too much or unused, of as many topics as one turn has time for. Call it about once a second, and soon
   * again while something remains. Readers notice no delay: they are given nothing that is too old.
   * @param most topics of one turn
   */
  sweep(most = ONE_TURN): Remainder {
    const now = this.clock.now();
    const unusedSince = this.clock.elapsed() - this.options.forgetAfterMs;
    return this.logs.part(most, (topic) => {
      topic.expire(now);
      const isUnused = topic.retained === 0 && topic.log.length === 0 && topic.usedAt < unusedSince;
      if (isUnused) this.drop(topic);
      return isUnused;
    });
  }

  /** Topics, messages and bytes held. */
  usage(): { topics: number; inboxes: number; evicted: number; bytes: number; idempotencyKeys: number } {
    const evicted = this.named.evicted + this.inboxes.evicted;
    const inboxes = this.inboxes.size;
    return { topics: this.topics.size, inboxes, evicted, bytes: this.pool.inUse, idempotencyKeys: this.keys.size };
  }

  private tell(topic: MemoryTopic, publication: Publication): void {
    this.listener?.published(publication, publication.position === null ? null : topic.log.newest, topic.usedAt);
  }

  private adopt(topic: MemoryTopic, position: Position): void {
    topic.adopt(position);
    if (this.isRetained(topic))
      this.listener?.renumbered(topic.name, topic.position, this.sourceOf(topic.name) !== null);
  }

  /** @param by the user for whom it is opened */
  private open(name: Topic, by: string): MemoryTopic | Refusal {
    const now = this.clock.elapsed();
    const known = this.topics.get(name);
    if (known !== undefined) {
      known.usedAt = now;
      return known;
    }
    const shares = isDirectTopic(name) ? this.inboxes : this.named;
    const full = shares.makeRoom(tenantOf(name), by);
    if (full !== null) return noRoom(full.key, full.bound, 'on this node');
    const retention = retentionOf(name, this.options.retention);
    const topic = new MemoryTopic(name, by, retention, this.random.id(), this.pool, now);
    shares.add(topic);
    this.topics.set(name, topic);
    this.index.set(name, topic);
    return topic;
  }

  private sharesOf(total: number, key: string): TopicShares {
    const { shares } = this.options;
    const bounds =
      shares === undefined ? { total, perTenant: Infinity, perUser: Infinity } : topicBounds(total, shares);
    return new TopicShares(
      bounds,
      boundNames(key),
      (topic) => shares !== undefined && !this.isRetained(topic) && topic.isOnlyOfOwner,
      (topic) => this.drop(topic),
    );
  }

  private drop(topic: MemoryTopic): void {
    topic.log.dropBefore(topic.log.next);
    this.topics.delete(topic.name);
    this.index.delete(topic.name);
    (isDirectTopic(topic.name) ? this.inboxes : this.named).remove(topic);
    this.listener?.forgotten(topic.name);
  }

  /** Why a direct message would push out what others have sent and nobody has read, or `null`: then it is counted. */
  private crowding({ log, retention }: MemoryTopic, senders: InboxSenders, { from }: Draft): Refusal | null {
    const share = this.options.shares?.directPerSender ?? Infinity;
    const isFull = log.length >= retention.messages;
    if (share !== Infinity && !senders.admits(from, log.first, isFull, share)) return inboxFull(share);
    senders.add(log.next, from);
    return null;
  }

  private isRetained(topic: MemoryTopic): boolean {
    if (topic.retained > 0) return true;
    if (topic.matchedVersion !== this.patternsVersion) {
      topic.matchedVersion = this.patternsVersion;
      topic.matched = this.patterns.matchesAny(topic.name);
    }
    return topic.matched;
  }

  /** Where topics stand that a pattern matches: as many as are listed, and as are found with so much looking. */
  private matching(pattern: string): Retained {
    const found = new Map<Topic, Position>();
    const look = (topic: MemoryTopic): boolean => {
      if (!topic.isEphemeral) found.set(topic.name, topic.position);
      return found.size < MAX_PATTERN_POSITIONS;
    };
    const looked = this.index.visit(pattern, look, MAX_LOOKED);
    return { position: null, matched: found, isPartial: looked > MAX_LOOKED };
  }
}

/** What is read of a topic that does not exist. */
function nothing({ after }: ReadRequest): History {
  const epoch = typeof after === 'object' && 'epoch' in after ? after.epoch : '';
  const lost = epoch === '' ? null : 'unknown_epoch';
  return { epoch: '', epochFirst: 1, top: 0, first: 1, after: 0, lost, publications: [] };
}
