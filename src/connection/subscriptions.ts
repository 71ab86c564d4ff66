/** The subscriptions of a connection: finding, adding and ending them, by name and by pattern. */
import { PatternIndex } from '../protocol/pattern-index.ts';
import { matches, qualify, type Topic } from '../protocol/topic.ts';
import type { ClientFrame } from '../protocol/frames.ts';
import { refusal } from '../protocol/errors.ts';
import { unaccounted } from '../router/audit.ts';
import { nodeName } from '../service/names.ts';
import type { RightsChange } from '../service/rights-change.ts';
import type { EndCause } from '../telemetry/message-trace.ts';
import type { RoutedTopic } from '../router/routed-topic.ts';
import { ENDED, LAGGING, LIVE, Subscription } from '../router/subscription.ts';
import { chargeLooking } from './charges.ts';
import type { Connection } from './connection.ts';
import { tellUnsubscribed } from './events.ts';
import { ungrant } from './granted.ts';
import { unqueue } from './overflow.ts';
import { errorFrame, statusFrame } from './replies.ts';
import { serveOut } from './serve-out.ts';
import { clearWaiting, enqueue } from './waiting-list.ts';

/** So many subscriptions are looked through; with more, a map of them is made. */
const LOOKED_THROUGH = 16;
/** Fewer than this share of the subscriptions are taken out one by one: going through all of them would cost more. */
const FEW = 8;
/** So many patterns are tried one by one. */
const TRIED = 4;
/** The patterns of a connection by their segments. A list of patterns is never changed, only replaced. */
const indexes = new WeakMap<readonly string[], PatternIndex<true>>();

/** Subscriptions that the client named: topics and patterns, not what patterns matched. */
export function activeSubscriptions({ patterns, named }: Connection): number {
  return named + (patterns?.length ?? 0);
}

export function findSubscription(connection: Connection, topic: Topic): Subscription | undefined {
  const { subscriptions } = connection;
  if (subscriptions.length <= LOOKED_THROUGH) return subscriptions.find((found) => found.topic.name === topic);
  connection.byTopic ??= new Map(subscriptions.map((found, place) => [found.topic.name, place]));
  const place = connection.byTopic.get(topic);
  return place === undefined ? undefined : subscriptions[place];
}

/** The subscription also where a pattern of the connection has it of a topic that rests: then it rests no longer. */
export function awakeSubscription(connection: Connection, topic: Topic): Subscription | undefined {
  if (isMatchedName(connection, topic)) connection.context.router.wake(topic);
  return findSubscription(connection, topic);
}

/** Whether a pattern of the connection holds the subscription. */
export function isMatched(connection: Connection, { topic }: Subscription): boolean {
  return isMatchedName(connection, topic.name);
}

export function isMatchedName({ patterns, principal }: Connection, topic: Topic): boolean {
  if (patterns === null) return false;
  const { tenant } = principal;
  if (patterns.length <= TRIED) return patterns.some((pattern) => matches(qualify(tenant, pattern), topic));
  let index = indexes.get(patterns);
  if (index === undefined) {
    index = new PatternIndex<true>();
    for (const pattern of patterns) index.set(qualify(tenant, pattern), true);
    indexes.set(patterns, index);
  }
  return index.matchesAny(topic);
}

/** One-element literals and not a push into an empty array: that would reserve 17 slots for every connection. */
export function addSubscription(connection: Connection, subscription: Subscription): void {
  if (connection.subscriptions.length === 0) connection.subscriptions = [subscription];
  else connection.subscriptions.push(subscription);
  connection.byTopic?.set(subscription.topic.name, connection.subscriptions.length - 1);
}

/** Ends a subscription: what is queued is purged, nothing of the topic arrives any more. */
export function endSubscription(connection: Connection, subscription: Subscription): void {
  endAll(connection, new Set([subscription]));
}

/**
 * The client does not want the topics for itself any more: a pattern that matches one goes on delivering it.
 * @returns those that were subscribed to
 */
export function endTopics(connection: Connection, names: readonly string[]): readonly string[] {
  const left = new Set<Subscription>();
  const ended = names.filter((name) => {
    const subscription = findSubscription(connection, nodeName(connection.principal, name));
    if (subscription?.isExplicit !== true) return false;
    disclaim(connection, subscription);
    ungrant(connection, name);
    if (!isMatched(connection, subscription)) left.add(subscription);
    return true;
  });
  endAll(connection, left);
  return ended;
}

/** The client names the topic itself. */
export function claim(connection: Connection, subscription: Subscription): void {
  if (subscription.isExplicit) return;
  subscription.isExplicit = true;
  connection.named += 1;
}

/** The client names the topic itself no longer: only patterns hold the subscription, if any match. */
export function disclaim(connection: Connection, subscription: Subscription): void {
  if (!subscription.isExplicit) return;
  subscription.isExplicit = false;
  connection.named -= 1;
}

/** Many at once: the list is gone through once; of a long list few are taken out one by one. */
function endAll(connection: Connection, ended: ReadonlySet<Subscription>): void {
  if (ended.size === 0) return;
  for (const subscription of ended) leave(connection, subscription);
  const { byTopic, subscriptions } = connection;
  if (byTopic !== null && ended.size * FEW < subscriptions.length) {
    for (const subscription of ended) takeOut(subscriptions, byTopic, subscription);
    return;
  }
  connection.subscriptions = subscriptions.filter((other) => !ended.has(other));
  connection.byTopic = null;
}

/** Swap-remove: the last subscription takes the place of the one that goes. */
function takeOut(subscriptions: Subscription[], byTopic: Map<Topic, number>, subscription: Subscription): void {
  const { name } = subscription.topic;
  const place = byTopic.get(name);
  if (place === undefined || subscriptions[place] !== subscription) return;
  byTopic.delete(name);
  const last = subscriptions.pop() as Subscription;
  if (last === subscription) return;
  subscriptions[place] = last;
  byTopic.set(last.topic.name, place);
}

function leave(connection: Connection, subscription: Subscription): void {
  disclaim(connection, subscription);
  settleBooks(connection, subscription);
  connection.context.router.leave(subscription);
}

/** Ends everything, when the connection does. */
export function endSubscriptions(connection: Connection): void {
  const { subscriptions, patterns, context } = connection;
  for (const subscription of subscriptions) {
    settleBooks(connection, subscription);
    context.router.leave(subscription);
  }
  for (const pattern of patterns ?? [])
    context.router.leavePattern(qualify(connection.principal.tenant, pattern), connection);
  connection.subscriptions = [];
  connection.named = 0;
  connection.byTopic = null;
  connection.patterns = null;
  clearWaiting(connection);
}

/** A `Subscribe` that is not answered yet. */
export interface Joining {
  /** Subscriptions whose publications wait for the answer. */
  readonly held: Subscription[];
  /** Changes of rights that came meanwhile: they are looked at when it is answered. */
  readonly changes: RightsChange[];
  /** Takes back what the request has begun, when handling its frame failed. */
  abandonIf(frame: ClientFrame): void;
}

/** Holds a subscription's publications back until the `Subscribe` under way, if there is one, is answered. */
export function hold(connection: Connection, subscription: Subscription): void {
  for (const recheck of connection.rechecks ?? []) recheck.holdIfUnknown(subscription);
  if (connection.joining !== null) holdFor(connection.joining.held, subscription);
}

/** Holds a subscription's publications back for an answer, which releases those that it holds. */
export function holdFor(held: Subscription[], subscription: Subscription): void {
  subscription.holds += 1;
  held.push(subscription);
}

/** Ends one hold: with the last one, what has waited goes out. */
export function release(connection: Connection, subscription: Subscription): void {
  subscription.holds -= 1;
  if (subscription.holds > 0 || subscription.state === ENDED) return;
  if (subscription.state === LAGGING) connection.lag(subscription);
  if (subscription.queued === 0 && subscription.gap === null) return;
  enqueue(connection, subscription);
  connection.schedule();
}

/** A pattern matches a topic that has appeared: gives it a subscription, as many as the connection may have. */
export function matchedSubscription(connection: Connection, topic: RoutedTopic): Subscription | null {
  const existing = findSubscription(connection, topic.name);
  if (existing !== undefined) return existing;
  if (!connection.isOpen) return null;
  if (connection.subscriptions.length >= connection.context.limits.maxMatchedTopics) {
    dropPatterns(connection, topic);
    return null;
  }
  const subscription = new Subscription(connection, topic);
  addSubscription(connection, subscription);
  hold(connection, subscription);
  return subscription;
}

/** Ends the patterns that match a topic which is one too many: the client is told, instead of missing topics silently. */
function dropPatterns(connection: Connection, topic: RoutedTopic): void {
  const { maxMatchedTopics } = connection.context.limits;
  const dropped = (connection.patterns ?? []).filter((pattern) =>
    matches(qualify(connection.principal.tenant, pattern), topic.name),
  );
  // Not from inside the router's walk over subscribers.
  connection.cell.answer(() => {
    if (!connection.isOpen) return;
    serveOut(connection);
    tellUnsubscribed(connection, endPatterns(connection, dropped));
    connection.send(
      errorFrame(
        refusal(
          'topic_limit',
          `expected patterns that match at most ${maxMatchedTopics} topics (websocket.max_matched_topics); subscribe to fewer`,
        ),
      ),
    );
    connection.send(
      statusFrame('unsubscribed', { topics: dropped, active_subscriptions: activeSubscriptions(connection) }),
    );
  }, null);
}

export function addPattern(connection: Connection, pattern: string): void {
  connection.patterns = [...(connection.patterns ?? []), pattern];
}

export function removePatterns(connection: Connection, patterns: readonly string[]): void {
  const removed = new Set(patterns);
  const rest = (connection.patterns ?? []).filter((pattern) => !removed.has(pattern));
  connection.patterns = rest.length === 0 ? null : rest;
}

/**
 * Ends patterns and the subscriptions that only they held.
 * @param patterns as the client named them
 * @returns those that were subscribed to
 */
export function endPatterns(connection: Connection, patterns: readonly string[]): readonly string[] {
  const { tenant } = connection.principal;
  const wanted = new Set(patterns);
  const ended = (connection.patterns ?? []).filter((pattern) => wanted.has(pattern));
  if (ended.length === 0) return ended;
  removePatterns(connection, ended);
  dropUnmatched(connection);
  for (const pattern of ended) ungrant(connection, pattern);
  for (const pattern of ended) connection.context.router.leavePattern(qualify(tenant, pattern), connection);
  return ended;
}

/** Ends the subscriptions that neither the client named nor a pattern of it matches any more. */
export function dropUnmatched(connection: Connection): void {
  chargeLooking(connection, connection.subscriptions.length, 0);
  const ended = connection.subscriptions.filter(
    (subscription) => !subscription.isExplicit && !isMatched(connection, subscription),
  );
  endAll(connection, new Set(ended));
}

function settleBooks(connection: Connection, subscription: Subscription): void {
  const { counters } = connection.context;
  counters.unaccounted += unaccounted(subscription);
  if (subscription.state === LAGGING) counters.deferred += subscription.topic.routedCount - subscription.lagCount;
  purge(connection, subscription, connection.isOpen ? 'unsubscribed' : 'closed');
}

/** Messages that wait for a subscription, in the mailbox or in the log, are not written to it any more. */
export function purge(connection: Connection, subscription: Subscription, cause: EndCause): void {
  const { topic, written, state } = subscription;
  if (topic.trace !== null && (state === LIVE || state === LAGGING))
    topic.trace.ended(written, topic.routedHead, connection, 'purged', cause);
  unqueue(connection, subscription);
}
