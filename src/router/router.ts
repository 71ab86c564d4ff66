/**
 * Who on this node listens to what, and the fan-out. A publication is encoded once per format into its topic's tail; at
 * the end of the turn it is counted into the mailboxes of the live subscribers, which read the tail when they are
 * flushed. So a turn's work is per subscriber and topic, not per subscriber and message.
 */
import type { Refusal } from '../protocol/errors.ts';
import type { Position, Publication } from '../protocol/position.ts';
import { MAX_PATTERN_POSITIONS } from '../protocol/limits.ts';
import { firstSegment, matches, type Topic } from '../protocol/topic.ts';
import { SegmentPool } from '../segments/segment-pool.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { TraceLimits } from '../telemetry/message-trace.ts';
import type { FlushRequests, Interest } from './interest.ts';
import { Patterns } from './patterns.ts';
import { canRest, RestingTopics } from './resting.ts';
import { RoutedTopic, type TailLimits } from './routed-topic.ts';
import { ENDED, JOINING, LAGGING, LIVE, Subscription, type Subscriber } from './subscription.ts';
import { TRACE_LIMITS, Tracing } from './tracing.ts';

export interface RouterOptions {
  readonly tail: TailLimits;
  /** How long a topic is kept after its last subscriber left, so that a reconnecting crowd finds its tail. */
  readonly lingerMs: number;
  /** A topic that only patterns bring is let go of after so much silence. */
  readonly restMs: number;
  /** What the message trace keeps at most, where it is switched on. */
  readonly trace?: TraceLimits | undefined;
}

/** Subscriptions ended by one sweep, roughly: topics rest in no hurry. */
const RESTED_AT_ONCE = 1_000;

type Ready = (refused: Refusal | null) => void;

/**
 * Topics that hold prepared frames. Subscribers of one topic mostly have their turns one after the other, and frames that
 * were kept until all turns are over grew old enough for the collector to move and mark them (4 % of the CPU in W2).
 */
const MAX_PREPARED = 64;

export class Router {
  readonly options: RouterOptions;
  readonly tracing: Tracing;
  private readonly topics = new Map<Topic, RoutedTopic>();
  private readonly topicsBySegment = new Map<string, Set<RoutedTopic>>();
  private readonly patterns = new Patterns();
  private readonly resting = new RestingTopics();
  private readonly pool: SegmentPool;
  /** Topics whose interest the broker counts, as opposed to those that a pattern brings. */
  private readonly retained = new Set<RoutedTopic>();
  /** Who waits for the broker's answer to `retain`. */
  private readonly keeping = new Map<RoutedTopic, Ready[]>();
  /** What arrived before the broker's answer to `retain`. */
  private readonly early = new Map<RoutedTopic, Publication[]>();
  /** The change of epoch that was told last before the broker's answer to `retain`, which may be older. */
  private readonly changes = new Map<RoutedTopic, () => void>();
  /** Changes of epoch so far, of all topics: the newest of a topic is its `epochNumber`. */
  private epochs = 0;
  private dirty: RoutedTopic[] = [];
  private readonly preparedTopics: RoutedTopic[] = [];
  /** The one that was prepared first among them. */
  private firstPrepared = 0;
  private readonly interest: Interest;
  private readonly flush: FlushRequests;
  private readonly clock: Clock;
  private readonly log: Log;

  constructor(options: RouterOptions, interest: Interest, flush: FlushRequests, clock: Clock, log: Log) {
    this.options = options;
    this.interest = interest;
    this.flush = flush;
    this.clock = clock;
    this.log = log;
    this.pool = new SegmentPool(options.tail.totalBytes / 8);
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
    const waiting = this.keeping.get(topic);
    if (waiting !== undefined) waiting.push(ready);
    else if (this.retained.has(topic)) ready(null);
    else this.keep(topic, ready);
  }

  /** Starts a subscription at the head. */
  startLive(subscription: Subscription): void {
    const { topic, owner } = subscription;
    this.route(topic);
    topic.openTail(owner.format);
    subscription.startAt(topic.head, LIVE);
  }

  /** Starts a subscription after an earlier message; the log is read up to the head before anything live. */
  startAfter(subscription: Subscription, sequence: number): void {
    const { topic, owner } = subscription;
    if (sequence > topic.head) this.jump(topic, sequence);
    this.route(topic);
    topic.openTail(owner.format);
    subscription.startAt(sequence, sequence === topic.routedHead ? LIVE : LAGGING);
  }

  leave(subscription: Subscription): void {
    if (subscription.state === ENDED) return;
    subscription.state = ENDED;
    subscription.generation += 1;
    const { topic } = subscription;
    topic.detach(subscription, this.clock.elapsed());
    // What nobody tells of does not linger: who came back would find it where it was then.
    if (topic.subscriptions.length === 0 && !topic.isDropped && !this.isFollowed(topic)) this.drop(topic);
  }

  /** Subscribes to all topics that a pattern matches, now and later. `reply` gets the positions of some that exist. */
  joinPattern(pattern: string, owner: Subscriber, reply: (refused: Refusal | null) => void): void {
    const hold = this.patterns.add(pattern, owner);
    // Counted per subscriber, not per node: then the broker's answer, with the positions, comes to each of them.
    const asked = this.epochs;
    this.interest.retain(pattern, (answer) => {
      if (this.patterns.holdOf(pattern, owner) !== hold) {
        // The owner has left meanwhile, when it was open whether there would be anything to release.
        if (!('reason' in answer)) this.interest.release(pattern);
        return reply('reason' in answer ? answer : null);
      }
      if ('reason' in answer) {
        this.patterns.remove(pattern, owner);
        reply(answer);
        return;
      }
      hold.isGranted = true;
      for (const [name, position] of answer.matched) {
        const topic = this.find(name) ?? this.open(name);
        // Also one that still waits for its own answer: this one is as good.
        if (topic.isReady) this.learn(topic, position, asked);
        else this.becomeReady(topic, position);
      }
      for (const topic of this.topicsBySegment.get(firstSegment(pattern)) ?? []) {
        if (topic.isReady && matches(pattern, topic.name)) this.attachMatched(topic, owner, false);
      }
      hold.isComplete = answer.matched.size < MAX_PATTERN_POSITIONS;
      reply(null);
    });
  }

  leavePattern(pattern: string, owner: Subscriber): void {
    // Interest that was refused is not there, and a release too many would take somebody else's.
    if (this.patterns.holdOf(pattern, owner)?.isGranted === true) this.interest.release(pattern);
    if (!this.patterns.remove(pattern, owner)) return;
    for (const topic of this.topicsBySegment.get(firstSegment(pattern)) ?? []) {
      // Who still waits was refused in the same breath, and ends its subscription itself when it is told.
      const isAwaited = topic.subscriptions.some(({ state }) => state === JOINING);
      if (!isAwaited && !this.isFollowed(topic)) this.drop(topic);
    }
    this.resting.keepOnly(firstSegment(pattern), (topic) => this.patterns.matchesAny(topic));
  }

  /** Subscriptions of a topic on this node. */
  recipients(name: Topic): number {
    return this.topics.get(name)?.subscriptions.length ?? 0;
  }

  published(publication: Publication): void {
    const known = this.find(publication.topic);
    if (known !== undefined && !known.isReady && this.keeping.has(known)) return this.keepEarly(known, publication);
    const topic = known?.isReady === true ? known : this.openMatched(publication);
    if (topic === null) return;
    // First of all, because a flush reads logs, and so may learn of this very publication.
    if (topic.isPressed) {
      this.route(topic);
      this.flush.atOnce();
    }
    const started = this.clock.elapsed();
    const { position } = publication;
    if (position === null) topic.isEphemeral = true;
    else {
      if (position.epoch !== topic.epoch) this.epochChanged(topic.name, position.epoch, position.sequence);
      if (position.sequence <= topic.head) return;
      if (position.sequence > topic.head + 1) this.jump(topic, position.sequence - 1);
    }
    topic.add(publication, started);
    topic.trace?.routed(publication, topic.subscriptions.length);
    this.markDirty(topic);
    if (this.log.isEnabled('debug')) {
      this.log.debug('Message routed', {
        message_id: publication.id,
        target_count: topic.subscriptions.length,
        duration_ms: this.clock.elapsed() - started,
      });
    }
  }

  epochChanged(name: Topic, epoch: string, first: number): void {
    const topic = this.find(name);
    if (topic?.isReady === false) {
      this.changes.set(topic, () => this.epochChanged(name, epoch, first));
      this.cutEarly(topic, epoch, first);
    }
    if (topic === undefined || !topic.isReady || topic.epoch === epoch) return;
    this.route(topic);
    this.allFallBehind(topic);
    topic.trace?.cut(epoch, first, topic.routedHead, topic.subscriptions);
    if (topic.head < first - 1) topic.jumpTo(first - 1);
    else topic.cutAt(first - 1);
    this.enter(topic, epoch);
    for (const subscription of topic.subscriptions) {
      if (subscription.state === JOINING) continue;
      if (subscription.written >= first) {
        subscription.startAt(first - 1, LAGGING);
        subscription.gap = { cause: 'history_lost', epoch, sequence: first - 1 };
      }
      subscription.owner.announced(subscription);
    }
  }

  renumbered(name: Topic, position: Position): void {
    const topic = this.find(name);
    if (topic?.isReady === false) {
      this.changes.set(topic, () => {
        if (topic.epoch !== position.epoch) this.renumbered(name, position);
      });
      this.early.delete(topic);
    }
    if (topic === undefined || !topic.isReady) return;
    this.route(topic);
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
      if (!behind.has(subscription)) continue;
      subscription.gap = { cause: 'history_lost', epoch: position.epoch, sequence: position.sequence };
      subscription.owner.announced(subscription);
    }
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
    this.learn(topic, { epoch, sequence: head }, this.epochs);
  }

  /** Counts what was published this turn into the mailboxes of all live subscribers. @returns whether there was anything */
  routeDirty(): boolean {
    const topics = this.dirty;
    if (topics.length === 0) return false;
    this.dirty = [];
    for (const topic of topics) this.route(topic);
    return true;
  }

  /** Lets go of frames that were prepared for this flush. */
  forgetPrepared(): void {
    for (const topic of this.preparedTopics) topic.forgetPrepared();
    this.preparedTopics.length = 0;
    this.firstPrepared = 0;
  }

  /** Drops the topics that nobody has listened to for a while. Call it about once a second. */
  sweep(): void {
    this.tracing.expire();
    const now = this.clock.elapsed();
    const deadline = now - this.options.lingerMs;
    const silentSince = now - this.options.restMs;
    let rested = 0;
    for (const topic of this.topics.values()) {
      if (this.keeping.has(topic)) continue;
      if (topic.idleSince !== -1) {
        if (topic.idleSince <= deadline) this.drop(topic);
      } else if (topic.activeAt <= silentSince && rested < RESTED_AT_ONCE) rested += this.rest(topic);
    }
  }

  /** For metrics and audits. */
  usage(): { topics: number; resting: number; tailBytes: number } {
    return { topics: this.topics.size, resting: this.resting.size, tailBytes: this.pool.inUse };
  }

  openTopics(): Iterable<RoutedTopic> {
    return this.topics.values();
  }

  /** Whether the broker tells of it, or is asked to. */
  private isFollowed(topic: RoutedTopic): boolean {
    if (this.keeping.has(topic)) return true;
    return topic.isReady && (this.retained.has(topic) || this.patterns.matchesAny(topic.name));
  }

  /**
   * An answer that was asked for before the topic's newest epoch was heard of can be about one that has ended.
   * @param asked how many changes of epoch there had been when the broker was asked
   */
  private learn(topic: RoutedTopic, position: Position, asked: number): void {
    if (topic.epoch === position.epoch) {
      if (position.sequence > topic.head) this.jump(topic, position.sequence);
    } else if (topic.epochNumber <= asked) this.relearn(topic, position);
  }

  /** A topic that nobody listened to for a while was not told of its new epoch. Who listens is told by the broker. */
  private relearn(topic: RoutedTopic, position: Position): void {
    if (topic.isEphemeral || topic.subscriptions.some(({ state }) => state !== JOINING)) return;
    topic.trace?.startAt(position.epoch);
    topic.jumpTo(position.sequence);
    this.enter(topic, position.epoch);
  }

  private enter(topic: RoutedTopic, epoch: string): void {
    this.epochs += 1;
    topic.epoch = epoch;
    topic.epochNumber = this.epochs;
  }

  private route(topic: RoutedTopic): void {
    topic.isDirty = false;
    const count = topic.head - topic.routedHead;
    if (count === 0) return;
    topic.trace?.queued(topic.routedHead, topic.head);
    const { json, msgpack } = topic.unroutedBytes;
    topic.allRouted();
    topic.routedCount += count;
    const { subscriptions } = topic;
    // Backwards: a connection that ends on the way swaps the last subscription, which has had its turn, into its place.
    for (let at = subscriptions.length - 1; at >= 0; at -= 1) {
      const subscription = subscriptions[at];
      if (subscription === undefined) continue;
      if (subscription.state !== LIVE) continue;
      const { owner } = subscription;
      try {
        owner.queued(subscription, count, owner.format === 'json' ? json : msgpack);
      } catch (error) {
        // One subscriber's failure is its own: the others get their publications.
        owner.faulted(error);
      }
    }
  }

  private keepPrepared(topic: RoutedTopic): void {
    if (this.preparedTopics.length < MAX_PREPARED) {
      this.preparedTopics.push(topic);
      return;
    }
    this.preparedTopics[this.firstPrepared]?.forgetPrepared();
    this.preparedTopics[this.firstPrepared] = topic;
    this.firstPrepared = (this.firstPrepared + 1) % MAX_PREPARED;
  }

  private markDirty(topic: RoutedTopic): void {
    if (topic.isDirty) return;
    topic.isDirty = true;
    if (this.dirty.length === 0) this.flush.atEndOfTurn();
    this.dirty.push(topic);
  }

  /** A hole that the broker did not fill, or news that the log is ahead: everybody goes on from the log. */
  private jump(topic: RoutedTopic, head: number): void {
    this.route(topic);
    this.allFallBehind(topic);
    topic.jumpTo(head);
  }

  private allFallBehind(topic: RoutedTopic): void {
    for (const subscription of topic.subscriptions) {
      if (subscription.state === LIVE) subscription.owner.fellBehind(subscription);
    }
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

  /** Lets go of a silent topic that only patterns bring. @returns how many subscriptions ended */
  private rest(topic: RoutedTopic): number {
    if (this.resting.isFull || !canRest(topic) || !this.patterns.matchesAny(topic.name)) return 0;
    const { name, epoch, head } = topic;
    const subscriptions = topic.subscriptions.slice();
    for (const subscription of subscriptions) subscription.owner.rested(subscription);
    this.drop(topic);
    if (!topic.isEphemeral) this.resting.add(name, { epoch, sequence: head });
    return subscriptions.length;
  }

  private open(name: Topic): RoutedTopic {
    const topic = new RoutedTopic(name, this.pool, this.options.tail, (prepared) => this.keepPrepared(prepared));
    this.topics.set(name, topic);
    this.tracing.opened(topic);
    const segment = firstSegment(name);
    const siblings = this.topicsBySegment.get(segment);
    if (siblings === undefined) this.topicsBySegment.set(segment, new Set([topic]));
    else siblings.add(topic);
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

  private keep(topic: RoutedTopic, first: Ready): void {
    const waiting = [first];
    this.keeping.set(topic, waiting);
    const asked = this.epochs;
    this.interest.retain(topic.name, (answer) => {
      // The topic was dropped meanwhile and its subscribers are gone; only now there is something to release.
      if (this.keeping.get(topic) !== waiting) {
        if (!('reason' in answer)) this.interest.release(topic.name);
        return;
      }
      this.keeping.delete(topic);
      if ('reason' in answer) {
        this.leaveToPatterns(topic);
        for (const ready of waiting) ready(answer);
        return;
      }
      this.retained.add(topic);
      if (!topic.isReady) this.becomeReady(topic, answer.position ?? { epoch: '', sequence: 0 });
      else if (answer.position !== null) this.learn(topic, answer.position, asked);
      for (const ready of waiting) ready(null);
    });
  }

  /** Interest in the topic itself was refused: what came meanwhile is the patterns', and nothing waits for an answer now. */
  private leaveToPatterns(topic: RoutedTopic): void {
    const [first] = this.early.get(topic) ?? [];
    if (first === undefined || this.openMatched(first) === null) {
      this.early.delete(topic);
      this.changes.delete(topic);
    }
    if (topic.subscriptions.length === 0 && !this.isFollowed(topic)) this.drop(topic);
  }

  /** @param isResumed whoever has it by a pattern stands there already, also if it was new to the pattern once */
  private becomeReady(topic: RoutedTopic, position: Position, isResumed = false): void {
    topic.isReady = true;
    topic.activeAt = this.clock.elapsed();
    topic.isEphemeral = position.epoch === '';
    topic.epoch = position.epoch;
    topic.jumpTo(position.sequence);
    topic.trace?.startAt(position.epoch);
    this.changes.get(topic)?.();
    this.changes.delete(topic);
    if (topic.subscriptions.length === 0) topic.idleSince = this.clock.elapsed();
    const present = new Set(topic.subscriptions.map(({ owner }) => owner));
    for (const [owner, isNew] of this.patterns.matching(topic.name)) {
      if (!present.has(owner)) this.attachMatched(topic, owner, isNew && !isResumed);
    }
    const early = this.early.get(topic);
    this.early.delete(topic);
    for (const publication of early ?? []) this.published(publication);
  }

  /** Bounded: what does not fit is read from the log afterwards, like any hole. */
  private keepEarly(topic: RoutedTopic, publication: Publication): void {
    const early = this.early.get(topic);
    if (early === undefined) this.early.set(topic, [publication]);
    else if (early.push(publication) > this.options.tail.messages) early.shift();
  }

  /** What arrived of an epoch that has ended since: routed after the answer, it would take the topic back there. */
  private cutEarly(topic: RoutedTopic, epoch: string, first: number): void {
    const early = this.early.get(topic);
    if (early === undefined) return;
    const kept = early.filter(({ position }) => position === null || position.sequence < first);
    this.early.set(
      topic,
      kept.map((publication) => ({
        ...publication,
        position: publication.position && { ...publication.position, epoch },
      })),
    );
  }

  private drop(topic: RoutedTopic): void {
    this.keeping.delete(topic);
    if (this.retained.delete(topic)) this.interest.release(topic.name);
    topic.close();
    for (const subscription of topic.subscriptions.slice()) this.leave(subscription);
    this.tracing.closed(topic);
    this.early.delete(topic);
    this.changes.delete(topic);
    this.topics.delete(topic.name);
    const segment = firstSegment(topic.name);
    const siblings = this.topicsBySegment.get(segment);
    siblings?.delete(topic);
    if (siblings?.size === 0) this.topicsBySegment.delete(segment);
  }
}
