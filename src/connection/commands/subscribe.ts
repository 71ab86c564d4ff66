import type { History } from '../../broker/broker.ts';
import { isRefusal, quote, refusal, type Refusal } from '../../protocol/errors.ts';
import type { ClientFrame, SubscribeEntry, SubscribeFrame } from '../../protocol/frames.ts';
import { MAX_PATTERN_POSITIONS } from '../../protocol/limits.ts';
import { PatternIndex } from '../../protocol/pattern-index.ts';
import type { Position } from '../../protocol/position.ts';
import { clientName, isTopicName, looksLikePattern, matches, qualify } from '../../protocol/topic.ts';
import { ENDED, JOINING, LAGGING, type Subscription } from '../../router/subscription.ts';
import { askToRead, subscribeProblem } from '../../service/checks.ts';
import { nodeName } from '../../service/names.ts';
import { isReadWhole, readAllowed } from '../../service/readable.ts';
import type { RightsChange } from '../../service/rights-change.ts';
import { overdraft } from '../charges.ts';
import type { Connection } from '../connection.ts';
import { grant, isGranted } from '../granted.ts';
import { tellSubscribed, tellUnsubscribed } from '../events.ts';
import { notePending } from '../pending.ts';
import { rightsHaveChanged } from '../recheck.ts';
import { rejection, statusFrame, type Recovery, type Rejection } from '../replies.ts';
import { sessionChanged } from '../sessions.ts';
import {
  activeSubscriptions,
  addPattern,
  addSubscription,
  claim,
  disclaim,
  dropUnmatched,
  endPatterns,
  endSubscription,
  awakeSubscription,
  hold,
  isMatched,
  purge,
  release,
  removePatterns,
  type Joining,
} from '../subscriptions.ts';
import { enqueue } from '../waiting-list.ts';

/**
 * `Subscribe` → `Status subscribed`, when the position of every topic is known. Until then further frames of the client
 * wait, and publications of the new topics are held back, so that the answer comes first.
 */
export function subscribe(connection: Connection, frame: SubscribeFrame): void {
  new Request(connection, frame).begin();
}

/** A topic that is to start, and the pattern that brings it, if it is not the client's own wish. */
interface Start extends SubscribeEntry {
  readonly pattern?: string;
}

/** Of one turn of the event loop, for the topics and patterns of one frame. */
const SLICE_MS = 2;

class Request implements Joining {
  readonly held: Subscription[] = [];
  readonly changes: RightsChange[] = [];
  private readonly connection: Connection;
  private readonly frame: SubscribeFrame;
  /** Answers still to come; one more while the entries are gone through. */
  private open = 1;
  private isAbandoned = false;
  /** Answers that come now are taken now: the request is for one topic, and nothing else of it is under way. */
  private isAtOnce = false;
  private readonly topics: string[] = [];
  /** Those of them that were not subscribed to before. */
  private readonly fresh = new Set<string>();
  private readonly started = new Map<string, Subscription>();
  /** What this request has added, in case it fails half-way. */
  private readonly added: Subscription[] = [];
  private readonly addedPatterns: string[] = [];
  /** What was live and is to start anew, with the epoch's number then. */
  private restarted: Map<Subscription, number> | null = null;
  private readonly recovery: Record<string, Recovery> = {};
  private readonly rejected: Rejection[] = [];

  constructor(connection: Connection, frame: SubscribeFrame) {
    this.connection = connection;
    this.frame = frame;
  }

  begin(): void {
    this.connection.cell.suspend();
    this.connection.joining = this;
    const [first] = this.frame.topics;
    this.isAtOnce = this.frame.topics.length === 1 && first !== undefined && !looksLikePattern(first.topic);
    this.goOn(0);
    this.isAtOnce = false;
    if (this.connection.joining === this) notePending(this.connection);
  }

  /** In slices: a pattern may have to look at all topics of the node, and others want their turn between two of them. */
  private goOn(from: number): void {
    const { clock, scheduler } = this.connection.context;
    const { topics } = this.frame;
    const deadline = topics.length === 1 ? 0 : clock.elapsed() + SLICE_MS;
    for (let at = from; at < topics.length; at += 1) {
      if (at > from && clock.elapsed() >= deadline)
        return scheduler.endOfTurn(() => this.answered(() => this.goOn(at)));
      const entry = topics[at] as SubscribeEntry;
      const refused = this.problemOf(entry);
      if (refused === undefined) this.ask(entry);
      else this.decided(entry, refused);
    }
    this.settle();
  }

  /** What a backend orders, or has given, needs no right of the client. */
  private problemOf({ topic }: SubscribeEntry): Refusal | null | undefined {
    const { connection } = this;
    if (this.frame.ordered === 'granted' || isGranted(connection, topic)) return null;
    return subscribeProblem(connection.context, connection.principal, topic);
  }

  /** The owner of the topic decides, perhaps later: the other entries of the frame do not wait for it. */
  private ask(entry: SubscribeEntry): void {
    const { context, principal } = this.connection;
    this.open += 1;
    askToRead(context, principal, entry.topic, (refused) => {
      this.answered(() => {
        this.decided(entry, refused);
        this.settle();
      });
    });
  }

  private decided(entry: SubscribeEntry, refused: Refusal | null): void {
    if (refused !== null) this.reject(entry.topic, refused);
    else if (looksLikePattern(entry.topic)) this.joinPattern(entry);
    else this.join(entry);
  }

  abandonIf(frame: ClientFrame): void {
    if (frame !== this.frame) return;
    this.isAbandoned = true;
    for (const subscription of this.added) endSubscription(this.connection, subscription);
    for (const [subscription, epochNumber] of this.restarted ?? []) this.restore(subscription, epochNumber);
    endPatterns(this.connection, this.addedPatterns);
    this.end();
  }

  /** Puts a subscription that was to start anew back to where it was. */
  private restore(subscription: Subscription, epochNumber: number): void {
    const { connection } = this;
    const { router } = connection.context;
    const { topic, written, state } = subscription;
    if (state !== JOINING) return;
    if (topic.epochNumber === epochNumber) router.startAfter(subscription, written);
    else {
      router.startLive(subscription);
      subscription.openGap({ cause: 'history_lost', epoch: topic.epoch, sequence: topic.head });
    }
    if (subscription.state === LAGGING) connection.lag(subscription);
  }

  private get isFull(): boolean {
    return activeSubscriptions(this.connection) >= this.connection.context.limits.maxSubscriptions;
  }

  private tooMany(): Refusal {
    const { maxSubscriptions } = this.connection.context.limits;
    return refusal(
      'topic_limit',
      `expected at most ${maxSubscriptions} subscriptions per connection (websocket.max_subscriptions)`,
    );
  }

  private join(entry: SubscribeEntry): void {
    const { connection } = this;
    const existing = awakeSubscription(connection, nodeName(connection.principal, entry.topic));
    if (existing?.isExplicit !== true && this.isFull) return this.reject(entry.topic, this.tooMany());
    this.topics.push(entry.topic);
    if (existing?.isExplicit !== true) this.fresh.add(entry.topic);
    if (existing === undefined) {
      const added = this.add(entry.topic);
      claim(connection, added);
      this.whenKept(added, entry);
    } else {
      claim(connection, existing);
      this.joinAgain(existing, entry);
    }
  }

  private add(topic: string): Subscription {
    const { connection } = this;
    const subscription = connection.context.router.join(nodeName(connection.principal, topic), connection);
    addSubscription(connection, subscription);
    this.added.push(subscription);
    hold(connection, subscription);
    return subscription;
  }

  /** Without a position a live subscription stays as it is; with one it starts anew there. */
  private joinAgain(subscription: Subscription, entry: Start): void {
    const isRestarted = entry.position !== undefined || entry.from === 'earliest';
    if (isRestarted && subscription.state !== JOINING) {
      purge(this.connection, subscription, 'restarted');
      subscription.rejoin();
      this.restarted ??= new Map();
      this.restarted.set(subscription, subscription.topic.epochNumber);
    }
    hold(this.connection, subscription);
    this.whenKept(subscription, entry);
  }

  private whenKept(subscription: Subscription, entry: Start): void {
    const { connection } = this;
    this.open += 1;
    this.started.set(entry.topic, subscription);
    connection.context.router.whenKept(subscription.topic, (refused) => {
      this.answered(() => {
        if (refused !== null) this.fail(subscription, entry, refused);
        else if (subscription.state !== JOINING) this.settle();
        else this.start(subscription, entry);
      });
    });
  }

  private start(subscription: Subscription, entry: Start): void {
    const { context, principal } = this.connection;
    const { topic } = subscription;
    if (entry.lost === true && !topic.isEphemeral) return this.startBehindLoss(subscription, entry);
    if (topic.isEphemeral || (entry.position === undefined && entry.from !== 'earliest')) {
      context.router.startLive(subscription);
      if (entry.position !== undefined || entry.lost === true)
        this.recovery[entry.topic] = { recovered: false, missed: 0, reason: 'no_history' };
      return this.settle();
    }
    const isHeld = entry.position !== undefined && topic.hasAllAfter(entry.position, this.connection.codec);
    if (entry.position !== undefined && isHeld && isReadWhole(context, topic.name))
      return this.resumeFromTail(subscription, entry.topic, entry.position.sequence);
    const { epochNumber } = topic;
    const request = { after: entry.position ?? 'earliest', limit: 0, maxBytes: 0 } as const;
    readAllowed(context, principal, topic.name, request, (answer) => {
      this.answered(() => {
        if (isRefusal(answer)) this.fail(subscription, entry, answer);
        else if (subscription.state !== JOINING) this.settle();
        // Asked for under an epoch that has ended: believing it would take every subscriber of the topic back there.
        else if (topic.epochNumber !== epochNumber && topic.epoch !== answer.epoch) this.start(subscription, entry);
        else this.resume(subscription, entry, answer);
      });
    });
  }

  private startBehindLoss(subscription: Subscription, entry: Start): void {
    const { connection } = this;
    const { topic } = subscription;
    connection.context.router.startLive(subscription);
    subscription.openGap({ cause: 'history_lost', epoch: topic.epoch, sequence: topic.head });
    enqueue(connection, subscription);
    this.recovery[entry.topic] = { recovered: false, missed: 0, reason: 'history_lost' };
    this.settle();
  }

  private resumeFromTail(subscription: Subscription, name: string, sequence: number): void {
    const { connection } = this;
    const { topic } = subscription;
    this.recovery[name] = { recovered: true, missed: topic.head - sequence };
    connection.context.router.startAfter(subscription, sequence);
    if (subscription.state === LAGGING) connection.lag(subscription);
    this.settle();
  }

  private resume(subscription: Subscription, entry: Start, history: History): void {
    const { connection } = this;
    const { router } = connection.context;
    const { topic } = subscription;
    router.heard(topic, history.epoch, history.epochFirst, history.top);
    router.startAfter(subscription, history.after);
    if (history.lost !== null && entry.position !== undefined) {
      subscription.openGap({ cause: 'history_lost', epoch: history.epoch, sequence: history.after });
      enqueue(connection, subscription);
    }
    if (subscription.state === LAGGING) connection.lag(subscription);
    const reason = history.lost ?? (history.first > history.after + 1 ? 'trimmed' : undefined);
    const missed = Math.max(0, history.top - history.after);
    this.recovery[entry.topic] =
      reason === undefined ? { recovered: true, missed } : { recovered: false, missed, reason };
    this.settle();
  }

  private joinPattern(entry: SubscribeEntry): void {
    const { connection } = this;
    const pattern = entry.topic;
    if (entry.position !== undefined) this.recovery[pattern] = { recovered: false, missed: 0, reason: 'pattern' };
    if (connection.patterns?.includes(pattern) === true) return this.joinedPattern(entry);
    if (this.isFull) return this.reject(pattern, this.tooMany());
    const overdrawn = overdraft(connection);
    if (overdrawn !== null) return this.reject(pattern, overdrawn);
    addPattern(connection, pattern);
    this.addedPatterns.push(pattern);
    this.fresh.add(pattern);
    this.open += 1;
    connection.context.router.joinPattern(qualify(connection.principal.tenant, pattern), connection, (refused) => {
      this.answered(() => {
        if (refused === null) this.joinedPattern(entry);
        else {
          removePatterns(connection, [pattern]);
          dropUnmatched(connection);
          this.reject(pattern, refused);
        }
        this.settle();
      });
    });
  }

  private joinedPattern(entry: SubscribeEntry): void {
    this.topics.push(entry.topic);
    for (const [topic, position] of entry.positions ?? []) this.resumeMatched(entry.topic, topic, position);
  }

  /** A topic at which a pattern resumes: like a topic of its own, but held by the pattern. */
  private resumeMatched(pattern: string, topic: string, position: Position): void {
    const { connection } = this;
    if (!isTopicName(topic) || !matches(pattern, topic)) {
      return this.reject(
        topic,
        refusal('invalid_topic', `expected a topic that ${quote(pattern)} matches, got ${quote(topic)}`),
      );
    }
    const existing = awakeSubscription(connection, nodeName(connection.principal, topic));
    if (existing === undefined) this.whenKept(this.add(topic), { topic, position, pattern });
    else this.joinAgain(existing, { topic, position, pattern });
  }

  private fail(subscription: Subscription, { topic, pattern }: Start, refused: Refusal): void {
    this.refuse(topic, refused);
    if (pattern === undefined && !this.fresh.has(topic)) tellUnsubscribed(this.connection, [topic]);
    // A pattern that cannot resume one of its topics would go on without it, and the client would not know.
    if (pattern !== undefined && this.topics.includes(pattern)) {
      const ended = endPatterns(this.connection, [pattern]);
      this.refuse(pattern, refused);
      if (!this.fresh.has(pattern)) tellUnsubscribed(this.connection, ended);
    }
    this.leaveToPattern(subscription);
    this.settle();
  }

  /** The wish for the topic itself has failed: what a pattern brings goes on from the head. */
  private leaveToPattern(subscription: Subscription): void {
    const { connection } = this;
    if (subscription.state === ENDED) return;
    disclaim(connection, subscription);
    if (!isMatched(connection, subscription) || !subscription.topic.isReady) endSubscription(connection, subscription);
    else if (subscription.state === JOINING) connection.context.router.startLive(subscription);
  }

  private refuse(topic: string, refused: Refusal): void {
    const at = this.topics.indexOf(topic);
    if (at !== -1) this.topics.splice(at, 1);
    delete this.recovery[topic];
    this.reject(topic, refused);
  }

  private reject(topic: string, refused: Refusal): void {
    this.connection.noteError(refused, 'Subscribe');
    this.rejected.push(rejection(topic, refused));
  }

  /** Goes on when a port has answered, unless the request has failed meanwhile. */
  private answered(work: () => void): void {
    if (this.isAtOnce) {
      if (!this.isAbandoned) work();
      return;
    }
    this.connection.cell.answer(() => {
      if (!this.isAbandoned) work();
    }, this.frame);
  }

  private settle(): void {
    this.open -= 1;
    const { connection } = this;
    if (this.open > 0 || !connection.isOpen) return;
    if (this.frame.ordered === 'granted') grant(connection, this.topics);
    // A log may have been lost while others were waited for.
    for (const [name, { gap }] of this.started)
      if (gap?.cause === 'history_lost' && this.recovery[name]?.recovered === true)
        this.recovery[name] = { recovered: false, missed: 0, reason: 'history_lost' };
    sessionChanged(connection);
    connection.reply(
      this.frame,
      statusFrame('subscribed', {
        topics: this.topics,
        active_subscriptions: activeSubscriptions(connection),
        positions: this.positions(),
        recovery: this.recovery,
        rejected: this.rejected,
      }),
    );
    if (connection.context.events !== null)
      tellSubscribed(
        connection,
        this.topics.filter((name) => this.fresh.has(name)),
      );
    this.end();
  }

  private end(): void {
    const { connection } = this;
    connection.joining = null;
    notePending(connection);
    for (const change of this.changes) rightsHaveChanged(connection, change);
    for (const subscription of this.held) release(connection, subscription);
    connection.cell.resume();
  }

  /** Where every topic of this request stands: the next publication is the one after. */
  private positions(): Record<string, Position> {
    const positions: Record<string, Position> = {};
    for (const [name, { topic, written, state }] of this.started) {
      if (!topic.isEphemeral && state !== ENDED) positions[name] = { epoch: topic.epoch, sequence: written };
    }
    if (this.topics.some(looksLikePattern)) this.addMatched(positions);
    return positions;
  }

  /** Where topics stand that the patterns of this request have. */
  private addMatched(positions: Record<string, Position>): void {
    const { connection } = this;
    const patterns = new PatternIndex<true>();
    for (const pattern of this.topics.filter(looksLikePattern))
      patterns.set(qualify(connection.principal.tenant, pattern), true);
    let listed = 0;
    for (const { topic, written } of connection.subscriptions) {
      if (listed >= MAX_PATTERN_POSITIONS) break;
      if (topic.isEphemeral || !patterns.matchesAny(topic.name)) continue;
      positions[clientName(topic.name)] ??= { epoch: topic.epoch, sequence: written };
      listed += 1;
    }
  }
}
