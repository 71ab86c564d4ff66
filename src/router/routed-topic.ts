/** A topic as one node serves it: who listens, and its tail, encoded once per format. */
import type { Codec } from '../protocol/codec.ts';
import { CODECS } from '../protocol/codecs.ts';
import type { Position, Publication } from '../protocol/position.ts';
import { clientName, type Topic } from '../protocol/topic.ts';
import type { SegmentPool } from '../segments/segment-pool.ts';
import type { Segment } from '../segments/segment.ts';
import { FormattedTail } from './formatted-tail.ts';
import type { NewestByKey } from './newest-by-key.ts';
import type { TailRange, WriteLimits, WriteShape } from './prepared-ranges.ts';
import type { Subscription } from './subscription.ts';
import type { TopicTrace } from './topic-trace.ts';

export interface TailLimits {
  readonly messages: number;
  readonly bytes: number;
  /** All tails of the node; above it every tail that grows gives up its older half. */
  readonly totalBytes: number;
}

export class RoutedTopic {
  readonly name: Topic;
  /** What clients call it. */
  readonly clientName: string;
  /** Until the broker has said where the topic stands, nothing is routed. */
  isReady = false;
  isDropped = false;
  isEphemeral = false;
  epoch = '';
  /** Grows with every epoch, so that an answer that was asked for under an older one is recognised. */
  epochNumber = 0;
  /** Grows whenever its owner withdraws messages, so that a page that was asked for before is recognised. */
  withdrawals = 0;
  /** Messages that its subscribers have had, or might have had, are gone with an epoch. */
  hasLost = false;
  /** The newest sequence known; ephemeral publications are numbered by the node itself. */
  head = 0;
  /** Up to here publications have been counted into mailboxes; the rest follows at the end of the turn. */
  routedHead = 0;
  /** Publications routed since the topic was opened: unlike a sequence it never jumps. */
  routedCount = 0;
  isDirty = false;
  /** Since when nobody listens, by the monotonic clock, in ms; -1 while somebody does. */
  idleSince = -1;
  /** When it was opened, or its newest publication came, by the monotonic clock, in ms. */
  activeAt = 0;
  readonly subscriptions: Subscription[] = [];
  /** Where the ways of single messages are written down; `null` unless an operator asked for it. */
  trace: TopicTrace | null = null;
  /** What slow readers are given in place of their queues; `null` unless a rule conflates the topic. */
  readonly newest: NewestByKey | null;
  /** By format; `null` for one that nobody uses. */
  private readonly tails: (FormattedTail | null)[] = NO_TAILS.slice();
  private isPrepared = false;
  private readonly pool: SegmentPool;
  private readonly limits: TailLimits;
  private readonly onPrepared: (topic: RoutedTopic) => void;

  /** @param onPrepared told when prepared frames are held, so that they can be forgotten after the flush */
  constructor(
    name: Topic,
    pool: SegmentPool,
    limits: TailLimits,
    onPrepared: (topic: RoutedTopic) => void,
    newest: NewestByKey | null = null,
  ) {
    this.name = name;
    this.newest = newest;
    this.onPrepared = onPrepared;
    this.clientName = clientName(name);
    this.pool = pool;
    this.limits = limits;
  }

  /** The oldest sequence that the tail of a format holds; `head + 1` when it holds none. */
  tailFirst({ index }: Codec): number {
    return this.tails[index]?.log.first ?? this.head + 1;
  }

  /** Whether the node has everything that follows a position: then the log need not be asked about it. */
  hasAllAfter({ epoch, sequence }: Position, codec: Codec): boolean {
    return epoch === this.epoch && sequence <= this.head && sequence + 1 >= this.tailFirst(codec);
  }

  /** Begins a tail for a format when the first subscriber that needs it comes. */
  openTail(codec: Codec): void {
    this.tails[codec.index] ??= new FormattedTail(codec, this.pool, this.head + 1);
  }

  /** Bytes of the publications after `after` up to `to`; 0 for a format that nobody uses. */
  bytesBetween({ index }: Codec, after: number, to: number): number {
    return this.tails[index]?.log.bytesBetween(after, to) ?? 0;
  }

  /** When the publication arrived here, by the monotonic clock, in ms. It must be in the tail. */
  arrivedAt({ index }: Codec, sequence: number): number {
    return this.tails[index]?.log.arrivedAt(sequence) ?? 0;
  }

  /** Whether one more publication would push out what has not been routed yet. */
  get isPressed(): boolean {
    const { messages, bytes } = this.limits;
    if ((this.head - this.routedHead) * 2 >= messages) return true;
    for (const tail of this.tails) if (tail !== null && tail.unroutedBytes * 2 >= bytes) return true;
    return false;
  }

  /** A slow reader is given the newest of each key; there is no log. */
  get isConflated(): boolean {
    return this.newest !== null && this.isEphemeral;
  }

  /** Nothing waits to be counted into mailboxes any more. @returns the bytes that did, by format */
  allRouted(): readonly number[] {
    this.routedHead = this.head;
    return this.tails.map(routed);
  }

  /**
   * The publication that waits to be counted into mailboxes, when it is a single one and nobody traces it: it counts as routed
   * then, and is the caller's to write. A view into the tail.
   */
  takeOnly({ index }: Codec): Uint8Array | null {
    const log = this.tails[index]?.log;
    if (this.trace !== null || this.head !== this.routedHead + 1 || log?.next !== this.head + 1) return null;
    const frame = log.record(this.head);
    this.settle();
    this.routedCount += 1;
    return frame;
  }

  /**
   * Adds the publication that follows the head.
   * @param segment where a log keeps its frame, which a tail of the same format then shares
   */
  add(publication: Publication, now: number, segment: Segment | null = null): void {
    this.head += 1;
    this.activeAt = now;
    if (this.newest !== null && publication.position === null) this.newest.add(this.head, publication);
    for (const tail of this.tails) {
      if (tail === null) continue;
      tail.add(publication, now, segment);
      this.trim(tail.log);
    }
  }

  /** Moves the head without publications: the tail begins anew after it. */
  jumpTo(head: number): void {
    this.moveTo(head);
    for (const tail of this.tails) tail?.log.reset(head + 1);
  }

  /** Takes back everything after `head`: it belonged to an epoch that has ended. */
  cutAt(head: number): void {
    this.moveTo(head);
    for (const tail of this.tails) tail?.log.truncate(head + 1);
  }

  /** Gives up what the tails hold up to a sequence. */
  withdraw(upTo: number): void {
    this.withdrawals += 1;
    this.forgetPrepared();
    for (const tail of this.tails) tail?.log.dropBefore(upTo + 1);
  }

  /** Gives all memory back. Nothing of it waits to be routed any more, even if it is still listed for the end of the turn. */
  close(): void {
    this.isDropped = true;
    this.newest?.clear();
    this.jumpTo(this.head);
  }

  /** A page of a replay: the same object while neighbours ask for the same one. */
  preparePage(codec: Codec, after: number, limits: WriteLimits): TailRange {
    const page = this.tail(codec).preparePage(after, this.routedHead, limits);
    this.holdPrepared();
    return page;
  }

  /**
   * What a live subscriber that stands at `after` is written next: mostly what its neighbour was.
   * @param maxBytes what is left of the bytes of a write
   */
  prepareLive(codec: Codec, shape: WriteShape, after: number, maxBytes: number): TailRange {
    const range = this.tail(codec).prepareLive(shape, after, this.routedHead, maxBytes);
    this.holdPrepared();
    return range;
  }

  attach(subscription: Subscription): void {
    subscription.slot = this.subscriptions.length;
    this.subscriptions.push(subscription);
    this.idleSince = -1;
  }

  /** Swap-remove: the last subscription takes the place of the one that leaves. */
  detach(subscription: Subscription, now: number): void {
    const last = this.subscriptions.pop() as Subscription;
    if (last !== subscription) {
      this.subscriptions[subscription.slot] = last;
      last.slot = subscription.slot;
    }
    subscription.slot = -1;
    if (this.subscriptions.length === 0) this.idleSince = now;
  }

  /** Prepared frames are views into the tails: they must go before their memory is used for something else. */
  forgetPrepared(): void {
    if (!this.isPrepared) return;
    this.isPrepared = false;
    for (const tail of this.tails) tail?.forgetPrepared();
  }

  private holdPrepared(): void {
    if (this.isPrepared) return;
    this.isPrepared = true;
    this.onPrepared(this);
  }

  private settle(): void {
    this.routedHead = this.head;
    for (const tail of this.tails) tail?.allRouted();
  }

  private moveTo(head: number): void {
    this.head = head;
    this.settle();
    this.forgetPrepared();
  }

  private tail({ index }: Codec): FormattedTail {
    return this.tails[index] as FormattedTail;
  }

  /** Messages that have not been routed yet stay: `isPressed` sees to it that they are few. */
  private trim(tail: FormattedTail['log']): void {
    const { messages, bytes, totalBytes } = this.limits;
    const isCrowded = this.pool.inUse > totalBytes;
    tail.trim(isCrowded ? Math.ceil(tail.length / 2) : messages, bytes, this.routedHead + 1);
  }
}

const NO_TAILS: readonly (FormattedTail | null)[] = CODECS.map(() => null);

function routed(tail: FormattedTail | null): number {
  return tail === null ? 0 : tail.allRouted();
}
