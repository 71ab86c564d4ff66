/**
 * The subscribers of this node and what they listen to. A publication is encoded once per format into its topic's tail; at the end of the
 * turn it is counted into the mailboxes of the live subscribers (fan-out.ts), which read the tail when they are flushed.
 */
import type { Refusal } from '../protocol/errors.ts';
import type { Position, Publication } from '../protocol/position.ts';
import { looksLikePattern, type Topic } from '../protocol/topic.ts';
import { SegmentPool } from '../segments/segment-pool.ts';
import type { Segment } from '../segments/segment.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { ONE_TURN, Round, type Remainder } from '../telemetry/round.ts';
import type { TraceLimits } from '../telemetry/message-trace.ts';
import { EarlyNews } from './early-news.ts';
import { FanOut } from './fan-out.ts';
import { HeadMoves } from './head-moves.ts';
import type { FlushRequests, Interest } from './interest.ts';
import { NewestByKey, type Conflation, type Held } from './newest-by-key.ts';
import { OpenTopics } from './open-topics.ts';
import { PageCache } from './page-cache.ts';
import { PatternInterest } from './pattern-interest.ts';
import { Patterns } from './patterns.ts';
import { PreparedTopics } from './prepared-topics.ts';
import { ENDED_AT_ONCE, RestingTopics } from './resting.ts';
import { RetainedTopics, type Ready } from './retained-topics.ts';
import { RoutedTopic, type TailLimits } from './routed-topic.ts';
import { ENDED, JOINING, LAGGING, LIVE, Subscription, type Subscriber } from './subscription.ts';
import { TRACE_LIMITS, Tracing } from './tracing.ts';

export interface RouterOptions {
  readonly tail: TailLimits;
  /** How long a topic is kept after its last subscriber left, so that a reconnecting crowd finds its tail. */
  readonly lingerMs: number;
  /** A topic that only patterns bring is let go of after so much silence. */
  readonly restMs: number;
  /** Which ephemeral topics are conflated for slow readers; without, none. */
  readonly conflation?: Conflation | undefined;
  /** What the message trace keeps at most, where it is switched on. */
  readonly trace?: TraceLimits | undefined;
}

export class Router {
  readonly options: RouterOptions;
  readonly tracing: Tracing;
  readonly pages = new PageCache();
  private readonly topics = new OpenTopics();
  private readonly patterns = new Patterns();
  private readonly resting = new RestingTopics();
  private readonly retained: RetainedTopics;
  private readonly patternInterest: PatternInterest;
  private readonly early: EarlyNews;
  private readonly fanOut: FanOut;
  private readonly moves: HeadMoves;
  private readonly prepared = new PreparedTopics();
  private readonly round = new Round<RoutedTopic>();
  /** Subscriptions that ended since the last beat, because their topics rest. */
  private ended = 0;
  private readonly pool: SegmentPool;
  /** By all topics that are conflated. */
  private readonly conflated: Held = { bytes: 0 };
  private readonly flush: FlushRequests;
  private readonly clock: Clock;
  private readonly log: Log;

  constructor(options: RouterOptions, interest: Interest, flush: FlushRequests, clock: Clock, log: Log) {
    this.options = options;
    this.flush = flush;
    this.clock = clock;
    this.log = log;
    this.pool = new SegmentPool(options.tail.totalBytes / 8);
    this.fanOut = new FanOut(flush);
    this.early = new EarlyNews(options.tail.messages);
    this.moves = new HeadMoves(this.fanOut, this.early);
    this.retained = new RetainedTopics(interest, {
      granted: (topic, position, asked) => this.granted(topic, position, asked),
      refused: (topic) => this.leaveToPatterns(topic),
    });
    this.patternInterest = new PatternInterest(this.patterns, interest);
    this.tracing = new Tracing(options.trace ?? TRACE_LIMITS, clock, () => this.openTopics());
  }

  /** Adds a subscription that takes nothing yet; {@link whenKept} says when it can start. */
  join(name: Topic, owner: Subscriber): Subscription {
    const topic = this.find(name) ?? this.open(name);
    const subscription = new Subscription(owner, topic);
    topic.attach(subscription);
    return subscription;
  }

  /**
   * Registers interest in a topic itself, as opposed to a pattern that may go away, and calls back once the broker has
   * answered and the topic's position is known, or with why it cannot be.
   */
  whenKept(topic: RoutedTopic, ready: Ready): void {
    this.retained.whenKept(topic, ready, this.moves.epochs);
  }

  /** Starts a subscription at the head. */
  startLive(subscription: Subscription): void {
    const { topic, owner } = subscription;
    this.fanOut.route(topic);
    topic.openTail(owner.codec);
    subscription.startAt(topic.head, LIVE);
  }

  /** Starts a subscription after an earlier message; the log is read up to the head before anything live. */
  startAfter(subscription: Subscription, sequence: number): void {
    const { topic, owner } = subscription;
    if (sequence > topic.head) this.moves.jump(topic, sequence);
    this.fanOut.route(topic);
    topic.openTail(owner.codec);
    subscription.startAt(sequence, sequence === topic.routedHead ? LIVE : LAGGING);
  }

  leave(subscription: Subscription): void {
    if (subscription.state === ENDED) return;
    subscription.end();
    const { topic } = subscription;
    topic.detach(subscription, this.clock.elapsed());
    // A topic that nobody tells of does not linger: clients that come back would find it where it was then.
    if (topic.subscriptions.length === 0 && !topic.isDropped && !this.isFollowed(topic)) this.drop(topic);
  }

  /** Subscribes to all topics that a pattern matches, now and later. `reply` gets the positions of some that exist. */
  joinPattern(pattern: string, owner: Subscriber, reply: (refused: Refusal | null) => void): void {
    const asked = this.moves.epochs;
    const granted = (matched: ReadonlyMap<Topic, Position>, lookedByBroker: number): void => {
      for (const [name, position] of matched) {
        const topic = this.find(name) ?? this.open(name);
        // Also one that still waits for its own answer: this one is as good.
        if (topic.isReady) this.moves.learn(topic, position, asked);
        else this.becomeReady(topic, position);
      }
      const { topics, looked } = this.topics.matching(pattern);
      for (const topic of topics) if (topic.isReady) this.attachMatched(topic, owner, false);
      owner.looked(looked + lookedByBroker, topics.length);
    };
    this.patternInterest.join(pattern, owner, granted, reply);
  }

  leavePattern(pattern: string, owner: Subscriber): void {
    if (!this.patternInterest.leave(pattern, owner)) return;
    const { topics, looked } = this.topics.matching(pattern);
    owner.looked(looked, topics.length);
    for (const topic of topics) {
      // A request that still waits was refused in the same breath, and ends its subscription itself when it hears of it.
      const isAwaited = topic.subscriptions.some(({ state }) => state === JOINING);
      if (!isAwaited && !this.isFollowed(topic)) this.drop(topic);
    }
    this.resting.leave(pattern, (topic) => this.patterns.matchesAny(topic));
  }

  /** Subscriptions of a topic on this node. */
  recipients(name: Topic): number {
    return this.topics.get(name)?.subscriptions.length ?? 0;
  }

  /** Everybody with a subscription to a topic, or one that a pattern matches, or with a pattern that overlaps it. */
  holders(filter: Topic): Set<Subscriber> {
    const found = new Set<Subscriber>();
    const one = this.topics.get(filter);
    const topics = looksLikePattern(filter) ? this.topics.matching(filter).topics : one === undefined ? [] : [one];
    for (const { subscriptions } of topics) for (const { owner } of subscriptions) found.add(owner);
    this.patterns.overlapping(filter, (owner) => found.add(owner));
    return found;
  }

  published(publication: Publication, segment: Segment | null = null, arrivedAt = this.clock.elapsed()): void {
    const known = this.find(publication.topic);
    if (known !== undefined && !known.isReady && this.retained.awaits(known))
      return this.early.published(known, publication);
    const topic = known?.isReady === true ? known : this.openMatched(publication);
    if (topic === null) return;
    // First of all, because a flush reads logs, and so may learn of this very publication.
    if (topic.isPressed) {
      this.fanOut.route(topic);
      this.flush.atOnce();
    }
    const { position } = publication;
    if (position === null) topic.isEphemeral = true;
    else {
      if (position.epoch !== topic.epoch) this.epochChanged(topic.name, position.epoch, position.sequence);
      if (position.sequence <= topic.head) return;
      if (position.sequence > topic.head + 1) this.moves.jump(topic, position.sequence - 1);
    }
    topic.add(publication, arrivedAt, segment);
    topic.trace?.routed(publication, topic.subscriptions.length);
    this.fanOut.add(topic);
    if (this.log.isEnabled('debug')) {
      this.log.debug('Message routed', {
        message_id: publication.id,
        target_count: topic.subscriptions.length,
        duration_ms: this.clock.elapsed() - arrivedAt,
      });
    }
  }

  epochChanged(name: Topic, epoch: string, first: number): void {
    const topic = this.find(name);
    if (topic !== undefined) this.moves.epochChanged(topic, epoch, first);
  }

  renumbered(name: Topic, position: Position, hasHistory = false): void {
    const topic = this.find(name);
    if (topic !== undefined) this.moves.renumbered(topic, position, hasHistory);
  }

  withdrawn(name: Topic, upTo: number): void {
    const topic = this.topics.get(name);
    if (topic === undefined) return;
    this.moves.withdraw(topic, upTo);
    this.pages.forget(topic);
  }

  rests(name: Topic): boolean {
    return this.resting.has(name);
  }

  /** A topic that rests goes on, because somebody who has it by a pattern asks for it. */
  wake(name: Topic): void {
    this.find(name);
  }

  forgotten(name: Topic): void {
    this.resting.take(name);
  }

  /** What an answer of the broker says of a topic, which may be news: answers and publications come by different ways. */
  heard(topic: RoutedTopic, epoch: string, epochFirst: number, head: number): void {
    if (epoch !== topic.epoch) this.epochChanged(topic.name, epoch, epochFirst);
    this.moves.learn(topic, { epoch, sequence: head }, this.moves.epochs);
  }

  /** Counts what was published this turn into the mailboxes of all live subscribers. @returns whether there was anything */
  routeDirty(): boolean {
    return this.fanOut.routeDirty();
  }

  /** Counts what was published of one topic so far, before the turn ends. */
  routeNow(topic: RoutedTopic): void {
    this.fanOut.route(topic);
  }

  /** Lets go of frames that were prepared for this flush. */
  forgetPrepared(): void {
    this.prepared.forget();
  }

  /** Call it about once a second. */
  beat(): void {
    this.tracing.expire();
    this.pages.sweep();
    this.ended = 0;
  }

  /**
   * Drops the topics that nobody has listened to for a while, of as many as one turn has time for. Call it about once a
   * second, and soon again while something remains.
   * @param most topics of one turn
   */
  sweep(most = ONE_TURN): Remainder {
    const now = this.clock.elapsed();
    const deadline = now - this.options.lingerMs;
    const silentSince = now - this.options.restMs;
    if (this.round.isOver) this.round.begin(this.topics.all(), this.topics.size);
    this.round.next(most, (topic) => this.sweepTopic(topic, deadline, silentSince));
    return this.round.isOver ? 'nothing' : 'has_time';
  }

  /** For metrics and audits. */
  usage(): { topics: number; resting: number; tailBytes: number } {
    return { topics: this.topics.size, resting: this.resting.size, tailBytes: this.pool.inUse };
  }

  openTopics(): Iterable<RoutedTopic> {
    return this.topics.all();
  }

  private sweepTopic(topic: RoutedTopic, deadline: number, silentSince: number): void {
    if (this.retained.awaits(topic)) return;
    if (topic.idleSince !== -1) {
      if (topic.idleSince <= deadline) this.drop(topic);
    } else if (topic.activeAt <= silentSince && this.ended < ENDED_AT_ONCE && this.patterns.matchesAny(topic.name))
      this.ended += this.resting.rest(topic, (silent) => this.drop(silent));
  }

  /** Whether the broker tells of it, or is asked to. */
  private isFollowed(topic: RoutedTopic): boolean {
    if (this.retained.awaits(topic)) return true;
    return topic.isReady && (this.retained.has(topic) || this.patterns.matchesAny(topic.name));
  }

  /** The topic if it is open, or rests: then it goes on where it stood, with everybody whose patterns match. */
  private find(name: Topic): RoutedTopic | undefined {
    const topic = this.topics.get(name);
    if (topic !== undefined) return topic;
    const position = this.resting.take(name);
    if (position === undefined) return undefined;
    const resumed = this.open(name);
    this.becomeReady(resumed, position, true);
    return resumed;
  }

  private open(name: Topic): RoutedTopic {
    const { tail, conflation } = this.options;
    const field = conflation?.keyOf(name);
    const newest =
      conflation === undefined || field === undefined
        ? null
        : new NewestByKey(field, conflation.limits, this.conflated);
    const topic = new RoutedTopic(name, this.pool, tail, (prepared) => this.prepared.add(prepared), newest);
    this.topics.add(topic);
    this.tracing.opened(topic);
    return topic;
  }

  /** A topic of which only a pattern brings news: its subscribers start before this very publication. */
  private openMatched({ topic: name, position }: Publication): RoutedTopic | null {
    if (!this.patterns.matchesAny(name)) return null;
    const topic = this.topics.get(name) ?? this.open(name);
    const before = position === null ? { epoch: '', sequence: 0 } : { ...position, sequence: position.sequence - 1 };
    this.becomeReady(topic, before);
    return topic;
  }

  /** @param isNew the topic appeared after the owner's pattern was confirmed: all of it is the owner's */
  private attachMatched(topic: RoutedTopic, owner: Subscriber, isNew: boolean): void {
    const subscription = owner.matched(topic);
    if (subscription === null || subscription.slot !== -1) return;
    topic.attach(subscription);
    if (!isNew || topic.isEphemeral) return this.startLive(subscription);
    this.startAfter(subscription, 0);
    if (subscription.state === LAGGING) owner.announced(subscription);
  }

  private granted(topic: RoutedTopic, position: Position | null, asked: number): void {
    if (!topic.isReady) this.becomeReady(topic, position ?? { epoch: '', sequence: 0 });
    else if (position !== null) this.moves.learn(topic, position, asked);
  }

  /** Interest in the topic itself was refused: what came meanwhile is the patterns', and nothing waits for an answer now. */
  private leaveToPatterns(topic: RoutedTopic): void {
    const first = this.early.firstOf(topic);
    if (first === undefined || this.openMatched(first) === null) this.early.forget(topic);
    if (topic.subscriptions.length === 0 && !this.isFollowed(topic)) this.drop(topic);
  }

  /** @param isResumed subscribers that have it by a pattern stand there already, also if it was new to the pattern once */
  private becomeReady(topic: RoutedTopic, position: Position, isResumed = false): void {
    topic.isReady = true;
    topic.activeAt = this.clock.elapsed();
    topic.isEphemeral = position.epoch === '';
    topic.epoch = position.epoch;
    topic.jumpTo(position.sequence);
    topic.trace?.startAt(position.epoch);
    this.early.change(topic);
    if (topic.subscriptions.length === 0) topic.idleSince = this.clock.elapsed();
    const present = new Set(topic.subscriptions.map(({ owner }) => owner));
    for (const [owner, isNew] of this.patterns.matching(topic.name)) {
      if (!present.has(owner)) this.attachMatched(topic, owner, isNew && !isResumed);
    }
    for (const publication of this.early.take(topic)) this.published(publication);
  }

  private drop(topic: RoutedTopic): void {
    this.retained.release(topic);
    topic.close();
    for (const subscription of topic.subscriptions.slice()) this.leave(subscription);
    this.tracing.closed(topic);
    this.early.forget(topic);
    this.topics.remove(topic);
  }
}
