import { isRefusal, type History } from '../../broker/broker.ts';
import { ERRORS, quote, refusal, type Refusal } from '../../protocol/errors.ts';
import type { SubscribeEntry, SubscribeFrame } from '../../protocol/frames.ts';
import { MAX_PATTERN_POSITIONS } from '../../protocol/limits.ts';
import type { Position } from '../../protocol/position.ts';
import {
  clientName,
  isSupportedPattern,
  isTopicName,
  looksLikePattern,
  matches,
  qualify,
} from '../../protocol/topic.ts';
import { JOINING, LAGGING, type Subscription } from '../../router/subscription.ts';
import type { Connection } from '../connection.ts';
import { unqueue } from '../overflow.ts';
import { statusFrame, type Recovery } from '../replies.ts';
import { activeSubscriptions, addSubscription, endSubscription, findSubscription } from '../subscriptions.ts';
import { notReadable, readProblem } from './checks.ts';
import { sessionChanged } from '../sessions.ts';
import { nodeName } from './names.ts';

/**
 * `Subscribe` → `Status subscribed`, when the position of every topic is known. Until then further frames of the client
 * wait, and publications of the new topics are held back, so that the answer comes first.
 */
export function subscribe(connection: Connection, frame: SubscribeFrame): void {
  new Request(connection, frame).begin();
}

class Request {
  private readonly connection: Connection;
  private readonly frame: SubscribeFrame;
  /** Answers still to come; one more while the entries are gone through. */
  private open = 1;
  private readonly topics: string[] = [];
  private readonly started = new Map<string, Subscription>();
  private readonly recovery: Record<string, Recovery> = {};
  private readonly rejected: { topic: string; code: number; reason: string; message: string }[] = [];

  constructor(connection: Connection, frame: SubscribeFrame) {
    this.connection = connection;
    this.frame = frame;
  }

  begin(): void {
    this.connection.cell.suspend();
    for (const entry of this.frame.topics) {
      const refused = this.check(entry);
      if (refused !== null) this.reject(entry.topic, refused);
      else if (looksLikePattern(entry.topic)) this.joinPattern(entry);
      else this.join(entry);
    }
    this.settle();
  }

  private check({ topic }: SubscribeEntry): Refusal | null {
    if (!looksLikePattern(topic)) return readProblem(this.connection, topic);
    if (!isSupportedPattern(topic)) {
      return refusal(
        'pattern_not_supported',
        `expected a literal first segment and ** only at the end, got ${quote(topic)}`,
      );
    }
    const { context, principal } = this.connection;
    return context.rights.allows(principal, 'subscribe', topic) ? null : notReadable(topic);
  }

  private get isFull(): boolean {
    return activeSubscriptions(this.connection) >= this.connection.context.limits.maxSubscriptions;
  }

  private tooMany(): Refusal {
    return refusal(
      'topic_limit',
      `expected at most ${this.connection.context.limits.maxSubscriptions} subscriptions per connection (websocket.max_subscriptions)`,
    );
  }

  private join(entry: SubscribeEntry): void {
    const { connection } = this;
    const existing = findSubscription(connection, nodeName(connection.principal, entry.topic));
    if (existing?.isExplicit !== true && this.isFull) return this.reject(entry.topic, this.tooMany());
    this.topics.push(entry.topic);
    if (existing !== undefined) return this.joinAgain(existing, entry);
    const subscription = connection.context.router.join(nodeName(connection.principal, entry.topic), connection);
    addSubscription(connection, subscription);
    subscription.isExplicit = true;
    subscription.isHeld = true;
    this.whenReady(subscription, entry);
  }

  /** Without a position a live subscription stays as it is; with one it starts anew there. */
  private joinAgain(subscription: Subscription, entry: SubscribeEntry): void {
    subscription.isExplicit = true;
    this.started.set(entry.topic, subscription);
    if (entry.position === undefined && entry.from !== 'earliest') return;
    if (subscription.state !== JOINING) {
      unqueue(this.connection, subscription);
      subscription.state = JOINING;
      subscription.generation += 1;
      subscription.gap = null;
    }
    subscription.isHeld = true;
    this.whenReady(subscription, entry);
  }

  private whenReady(subscription: Subscription, entry: SubscribeEntry): void {
    const { connection } = this;
    this.open += 1;
    this.started.set(entry.topic, subscription);
    connection.context.router.whenReady(subscription.topic, (refused) => {
      connection.cell.answer(() => {
        if (refused !== null) this.fail(subscription, entry, refused);
        else if (subscription.state !== JOINING) this.settle();
        else this.start(subscription, entry);
      }, this.frame);
    });
  }

  private start(subscription: Subscription, entry: SubscribeEntry): void {
    const { context } = this.connection;
    const { topic } = subscription;
    if (topic.isEphemeral || (entry.position === undefined && entry.from !== 'earliest')) {
      context.router.startLive(subscription);
      if (entry.position !== undefined)
        this.recovery[entry.topic] = { recovered: false, missed: 0, reason: 'no_history' };
      this.settle();
      return;
    }
    context.broker.read(topic.name, { after: entry.position ?? 'earliest', limit: 0, maxBytes: 0 }, (answer) => {
      this.connection.cell.answer(() => {
        if (isRefusal(answer)) this.fail(subscription, entry, answer);
        else if (subscription.state !== JOINING) this.settle();
        else this.resume(subscription, entry, answer);
      }, this.frame);
    });
  }

  private resume(subscription: Subscription, entry: SubscribeEntry, history: History): void {
    const { connection } = this;
    const { router } = connection.context;
    const { topic } = subscription;
    router.heard(topic, history.epoch, history.epochFirst, history.top);
    router.startAfter(subscription, history.after);
    if (history.lost !== null && entry.position !== undefined) {
      subscription.gap = { cause: 'history_lost', epoch: history.epoch, sequence: history.after };
      connection.enqueue(subscription);
    }
    if (subscription.state === LAGGING) connection.lag(subscription);
    const isTrimmed = history.first > history.after + 1;
    const reason = history.lost ?? (isTrimmed ? 'trimmed' : undefined);
    const missed = Math.max(0, history.top - history.after);
    this.recovery[entry.topic] =
      reason === undefined ? { recovered: true, missed } : { recovered: false, missed, reason };
    this.settle();
  }

  private joinPattern(entry: SubscribeEntry): void {
    const { connection } = this;
    const pattern = entry.topic;
    if (entry.position !== undefined) this.recovery[pattern] = { recovered: false, missed: 0, reason: 'pattern' };
    if (connection.patterns?.includes(pattern) !== true) {
      if (this.isFull) return this.reject(pattern, this.tooMany());
      connection.patterns = [...(connection.patterns ?? []), pattern];
      this.open += 1;
      connection.context.router.joinPattern(qualify(connection.principal.tenant, pattern), connection, (refused) => {
        connection.cell.answer(() => {
          if (refused !== null) {
            connection.patterns = connection.patterns?.filter((other) => other !== pattern) ?? null;
            this.reject(pattern, refused);
          }
          this.settle();
        }, this.frame);
      });
    }
    this.topics.push(pattern);
    for (const [topic, position] of entry.positions ?? []) this.resumeMatched(pattern, topic, position);
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
    const name = nodeName(connection.principal, topic);
    const existing = findSubscription(connection, name);
    const wasExplicit = existing?.isExplicit ?? false;
    if (existing === undefined) {
      const subscription = connection.context.router.join(name, connection);
      addSubscription(connection, subscription);
      subscription.isHeld = true;
      this.whenReady(subscription, { topic, position });
    } else {
      this.joinAgain(existing, { topic, position });
      existing.isExplicit = wasExplicit;
    }
  }

  private fail(subscription: Subscription, entry: SubscribeEntry, refused: Refusal): void {
    endSubscription(this.connection, subscription);
    this.started.delete(entry.topic);
    this.topics.splice(this.topics.indexOf(entry.topic), 1);
    this.reject(entry.topic, refused);
    this.settle();
  }

  private reject(topic: string, { reason, message }: Refusal): void {
    this.connection.context.counters.errors.add(reason);
    this.rejected.push({ topic, code: ERRORS[reason].code, reason, message });
  }

  private settle(): void {
    this.open -= 1;
    const { connection } = this;
    if (this.open > 0 || !connection.isOpen) return;
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
    for (const subscription of this.started.values()) this.release(subscription);
    connection.cell.resume();
  }

  /** Where every topic of this request stands: the next publication is the one after. */
  private positions(): Record<string, Position> {
    const { connection } = this;
    const positions: Record<string, Position> = {};
    for (const [name, { topic, written }] of this.started) {
      if (!topic.isEphemeral) positions[name] = { epoch: topic.epoch, sequence: written };
    }
    const patterns = this.topics
      .filter(looksLikePattern)
      .map((pattern) => qualify(connection.principal.tenant, pattern));
    let listed = 0;
    for (const { topic, written } of connection.subscriptions) {
      if (listed >= MAX_PATTERN_POSITIONS || patterns.length === 0) break;
      if (topic.isEphemeral || !patterns.some((pattern) => matches(pattern, topic.name))) continue;
      positions[clientName(topic.name)] ??= { epoch: topic.epoch, sequence: written };
      listed += 1;
    }
    return positions;
  }

  private release(subscription: Subscription): void {
    const { connection } = this;
    subscription.isHeld = false;
    if (subscription.state === LAGGING) connection.lag(subscription);
    if (subscription.queued === 0 && subscription.gap === null) return;
    connection.enqueue(subscription);
    connection.schedule();
  }
}
