/** One connection's place in one topic: the cursor that makes a topic's tail the connection's mailbox. */
import type { Codec } from '../protocol/codec.ts';
import type { RoutedTopic } from './routed-topic.ts';

/** A listener: a connection. */
export interface Subscriber {
  /** Unique on the node. */
  readonly number: number;
  readonly id: string;
  readonly principal: { readonly user: string };
  readonly codec: Codec;
  /** `count` more publications (`bytes` in this subscriber's format) are now queued for a live subscription. */
  queued(subscription: Subscription, count: number, bytes: number): void;
  /** The range queued for the subscription has left the tail, or has a hole: go on from the log. */
  fellBehind(subscription: Subscription): void;
  /** One of the calls above threw: the subscriber's supervisor has to know. */
  faulted(error: unknown): void;
  /** There is something to write that is not a publication: an announcement before the next one. */
  announced(subscription: Subscription): void;
  /** A pattern of this subscriber matches a topic that has just appeared. Answers its subscription, or `null` to decline. */
  matched(topic: RoutedTopic): Subscription | null;
  /** So many names were looked at for a pattern of this subscriber, and so many topics matched: work that grows with the node. */
  looked(names: number, matched: number): void;
  /** A topic that only patterns brought is let go of: everything of it is written, and it comes back by the pattern. */
  rested(subscription: Subscription): void;
}

/** Where the next publication comes from. */
export const JOINING = 0;
/** The queued range `written + 1 … routedHead` lies in the tail. */
export const LIVE = 1;
/** Later publications are counted, not queued: the log gives them, page by page. */
export const LAGGING = 2;
export const ENDED = 3;
export type SubscriptionState = typeof JOINING | typeof LIVE | typeof LAGGING | typeof ENDED;

/** A loss that has to be announced before the next publication of the topic. */
export type OpenGap =
  | { readonly cause: 'no_history'; count: number }
  | { readonly cause: 'history_lost'; readonly epoch: string; readonly sequence: number }
  | { readonly cause: 'overflow' | 'trimmed'; readonly epoch: string; readonly from: number; to: number };

// What is yes or no, in the bits of one number.
const EXPLICIT = 1;
const WAITING = 2;
const OVERFLOWED = 4;
/** The bits above count {@link Subscription.holds}. */
const HOLDS_SHIFT = 3;
const FLAGS = (1 << HOLDS_SHIFT) - 1;

/** What only a subscription has that has lagged or lost something since its start. */
interface LagBooks {
  /** The topic's count of routed publications when the lag began. */
  lagCount: number;
  replayed: number;
  displaced: number;
  deferred: number;
  lost: number;
}

/** Fields are numbers where possible and few: every connection has one of these per topic. */
export class Subscription {
  readonly owner: Subscriber;
  readonly topic: RoutedTopic;
  state: SubscriptionState = JOINING;
  /** Place in the topic's dense array of subscriptions. */
  slot = -1;
  /** The last sequence written to the socket, or announced as lost. */
  written = 0;
  /** Grows with every new start, so that a late reply can never touch a newer one. */
  generation = 0;
  private bits = 0;
  /** The next one of that list, which runs through the subscriptions themselves: it costs no memory to join it. */
  nextWaiting: Subscription | null = null;
  /** Bytes of the queued range, in the owner's format: counted by the owner (connection/mailbox-sums.ts). */
  queuedBytes = 0;
  gap: OpenGap | null = null;

  // The books: see audit.ts for the two laws that they obey.
  /** Position at the start of this generation. */
  joined = 0;
  /** The topic's count of routed publications at that moment. */
  joinedCount = 0;
  live = 0;
  private past: LagBooks | null = null;

  constructor(owner: Subscriber, topic: RoutedTopic) {
    this.owner = owner;
    this.topic = topic;
  }

  /** The client named the topic itself; else only patterns hold the subscription. */
  get isExplicit(): boolean {
    return (this.bits & EXPLICIT) !== 0;
  }

  set isExplicit(value: boolean) {
    this.set(EXPLICIT, value);
  }

  /** In its owner's list of subscriptions with something to write. */
  get isWaiting(): boolean {
    return (this.bits & WAITING) !== 0;
  }

  set isWaiting(value: boolean) {
    this.set(WAITING, value);
  }

  /** How many answers its publications wait for: a `Status subscribed`, a `GetMissedMessages` of the topic. */
  get holds(): number {
    return this.bits >> HOLDS_SHIFT;
  }

  set holds(count: number) {
    this.bits = (this.bits & FLAGS) | (count << HOLDS_SHIFT);
  }

  /** Why it lags: decides the cause of a `Gap`. */
  get overflowed(): boolean {
    return (this.bits & OVERFLOWED) !== 0;
  }

  get lagCount(): number {
    return this.past?.lagCount ?? this.joinedCount;
  }

  get replayed(): number {
    return this.past?.replayed ?? 0;
  }

  get displaced(): number {
    return this.past?.displaced ?? 0;
  }

  get deferred(): number {
    return this.past?.deferred ?? 0;
  }

  get lost(): number {
    return this.past?.lost ?? 0;
  }

  /** Publications that wait in the tail for this subscription. */
  get queued(): number {
    return this.state === LIVE ? this.topic.routedHead - this.written : 0;
  }

  /** Begins (again) after `sequence`, with clean books. */
  startAt(sequence: number, state: typeof LIVE | typeof LAGGING): void {
    const { topic } = this;
    this.generation += 1;
    this.state = state;
    this.written = sequence;
    this.joined = sequence;
    this.joinedCount = topic.routedCount;
    this.set(OVERFLOWED, false);
    this.gap = null;
    this.live = 0;
    this.past = null;
  }

  /** Live no longer: what was queued stays in the log. The owner has taken it out of its mailbox. */
  beginLag(overflowed: boolean): void {
    const books = this.books();
    books.displaced += this.queued;
    books.lagCount = this.topic.routedCount;
    this.state = LAGGING;
    this.set(OVERFLOWED, overflowed);
  }

  /** Live publications were written, up to this one. */
  wrote(to: number): void {
    this.live += to - this.written;
    this.written = to;
  }

  /** A page of the log was written, up to this publication. */
  replay(to: number): void {
    this.books().replayed += to - this.written;
    this.written = to;
  }

  /** Skips what the log no longer has, up to this publication. */
  lose(to: number): void {
    this.books().lost += to - this.written;
    this.written = to;
  }

  /** The oldest that wait have given way, and no log has them. */
  displace(count: number): void {
    const books = this.books();
    books.displaced += count;
    books.lost += count;
    this.written += count;
  }

  /**
   * Of what was routed up to `to` so many were written; the others had given way to newer ones of their keys, and their
   * number is to be announced.
   */
  thin(to: number, count: number): void {
    const books = this.books();
    const lost = to - this.written - count;
    books.replayed += count;
    books.lost += lost;
    this.written = to;
    if (lost > 0) this.miss(lost);
  }

  /** So many messages more that no log has are to be announced as lost. */
  miss(count: number): void {
    if (this.gap?.cause === 'no_history') this.gap.count += count;
    else this.openGap({ cause: 'no_history', count });
  }

  /** A loss is to be announced before the next publication; an older one that was not announced yet is part of it. */
  openGap(gap: OpenGap): void {
    this.gap = gap;
  }

  /** @returns the loss that has to be announced, which is done with that */
  takeGap(): OpenGap | null {
    const { gap } = this;
    this.gap = null;
    return gap;
  }

  /** The client wants to start anew: nothing is taken until {@link startAt}. */
  rejoin(): void {
    this.state = JOINING;
    this.generation += 1;
    this.gap = null;
  }

  /** For good. */
  end(): void {
    this.state = ENDED;
    this.generation += 1;
    this.gap = null;
  }

  /** Caught up with everything routed so far. */
  endLag(): void {
    const books = this.books();
    books.deferred += this.topic.routedCount - books.lagCount;
    this.state = LIVE;
    this.set(OVERFLOWED, false);
  }

  /** Its books of lags and losses, begun when there is something to write down. */
  books(): LagBooks {
    this.past ??= { lagCount: this.joinedCount, replayed: 0, displaced: 0, deferred: 0, lost: 0 };
    return this.past;
  }

  private set(flag: number, value: boolean): void {
    this.bits = value ? this.bits | flag : this.bits & ~flag;
  }
}
