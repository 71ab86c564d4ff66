/** A topic as one node serves it: who listens, and its tail, encoded once per format. */
import type { Format } from '../protocol/codec.ts';
import { CODECS } from '../protocol/codecs.ts';
import type { Publication } from '../protocol/position.ts';
import { clientName, type Topic } from '../protocol/topic.ts';
import { NOT_SHARED, SegmentLog } from '../segments/segment-log.ts';
import type { SegmentPool } from '../segments/segment-pool.ts';
import type { Segment } from '../segments/segment.ts';
import { PreparedRanges, type TailRange, type WriteLimits, type WriteShape } from './prepared-ranges.ts';
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
  /** The newest sequence known; ephemeral publications are numbered by the node itself. */
  head = 0;
  /** Up to here publications have been counted into mailboxes; the rest follows at the end of the turn. */
  routedHead = 0;
  /** Bytes of what is not routed yet, by format; 0 for a format that nobody uses. */
  readonly unroutedBytes = { json: 0, msgpack: 0 };
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
  private readonly tails: Record<Format, SegmentLog | null> = { json: null, msgpack: null };
  /** Live ones by format, of single messages and of batches: their writes end at different places. */
  private readonly singles: Record<Format, PreparedRanges> = {
    json: new PreparedRanges(),
    msgpack: new PreparedRanges(),
  };
  private readonly batches: Record<Format, PreparedRanges> = {
    json: new PreparedRanges(),
    msgpack: new PreparedRanges(),
  };
  /** The page of a replay that was prepared last: pages are copies, so only one is kept. */
  private readonly pages: Record<Format, TailRange | null> = { json: null, msgpack: null };
  private isPrepared = false;
  private readonly pool: SegmentPool;
  private readonly limits: TailLimits;
  private readonly onPrepared: (topic: RoutedTopic) => void;

  /** @param onPrepared told when prepared frames are held, so that they can be forgotten after the flush */
  constructor(name: Topic, pool: SegmentPool, limits: TailLimits, onPrepared: (topic: RoutedTopic) => void) {
    this.name = name;
    this.onPrepared = onPrepared;
    this.clientName = clientName(name);
    this.pool = pool;
    this.limits = limits;
  }

  /** The oldest sequence that the tail of a format holds; `head + 1` when it holds none. */
  tailFirst(format: Format): number {
    return this.tails[format]?.first ?? this.head + 1;
  }

  /** Begins a tail for a format when the first subscriber that needs it comes. */
  openTail(format: Format): void {
    this.tails[format] ??= new SegmentLog(this.pool, this.head + 1);
  }

  /** Bytes of the publications after `after` up to `to`; 0 for a format that nobody uses. */
  bytesBetween(format: Format, after: number, to: number): number {
    return this.tails[format]?.bytesBetween(after, to) ?? 0;
  }

  /** When the publication arrived here, by the monotonic clock, in ms. It must be in the tail. */
  arrivedAt(format: Format, sequence: number): number {
    return this.tails[format]?.arrivedAt(sequence) ?? 0;
  }

  /** Whether one more publication would push out what has not been routed yet. */
  get isPressed(): boolean {
    const waiting = this.head - this.routedHead;
    const { json, msgpack } = this.unroutedBytes;
    return waiting * 2 >= this.limits.messages || Math.max(json, msgpack) * 2 >= this.limits.bytes;
  }

  /** Nothing waits to be counted into mailboxes any more. */
  allRouted(): void {
    this.routedHead = this.head;
    this.unroutedBytes.json = 0;
    this.unroutedBytes.msgpack = 0;
    // The next subscribers get longer ranges; the old ones would only be kept by each other.
    for (const format of FORMATS) {
      this.singles[format].clear();
      this.batches[format].clear();
    }
  }

  /**
   * Adds the publication that follows the head.
   * @param segment where a log keeps its JSON frame, which the tail then shares
   */
  add(publication: Publication, now: number, segment: Segment | null = null): void {
    this.head += 1;
    this.activeAt = now;
    const { json, msgpack } = this.tails;
    if (json !== null) {
      const shared = segment === null ? NOT_SHARED : json.share(segment);
      const size = shared === NOT_SHARED ? json.append(CODECS.json.publication(publication), now) : shared;
      this.unroutedBytes.json += size;
      this.trim(json);
    }
    if (msgpack !== null) {
      this.unroutedBytes.msgpack += msgpack.append(CODECS.msgpack.publication(publication), now);
      this.trim(msgpack);
    }
  }

  /** Moves the head without publications: the tail begins anew after it. */
  jumpTo(head: number): void {
    this.head = head;
    this.allRouted();
    this.forgetPrepared();
    for (const format of FORMATS) this.tails[format]?.reset(head + 1);
  }

  /** Takes back everything after `head`: it belonged to an epoch that has ended. */
  cutAt(head: number): void {
    this.head = head;
    this.allRouted();
    this.forgetPrepared();
    for (const format of FORMATS) this.tails[format]?.truncate(head + 1);
  }

  /** Gives all memory back. */
  close(): void {
    this.isDropped = true;
    // Nothing of it waits to be routed any more, even if it is still listed for the end of the turn.
    this.allRouted();
    this.forgetPrepared();
    for (const format of FORMATS) this.tails[format]?.reset(this.head + 1);
  }

  /** A page of a replay: the same object while neighbours ask for the same one. */
  preparePage(format: Format, after: number, limits: WriteLimits): TailRange {
    const to = this.fit(format, after, limits.messages, limits.bytes);
    const last = this.pages[format];
    if (last !== null && last.after === after && last.to === to) return last;
    const page = this.prepare(format, after, to, limits.bytes, true);
    this.pages[format] = page;
    return page;
  }

  /**
   * What a live subscriber that stands at `after` is written next: mostly what its neighbour was.
   * @param maxBytes what is left of the bytes of a write
   */
  prepareLive(format: Format, { isBatch, messages }: WriteShape, after: number, maxBytes: number): TailRange {
    const ranges = (isBatch ? this.batches : this.singles)[format];
    const found = ranges.find(after, this.routedHead, messages, maxBytes);
    if (found !== null) return found;
    const range = this.prepare(format, after, this.fit(format, after, messages, maxBytes), maxBytes, false);
    ranges.add(range);
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

  /** Prepared frames are views into the tail: they must go before its memory is used for something else. */
  forgetPrepared(): void {
    if (!this.isPrepared) return;
    this.isPrepared = false;
    for (const format of FORMATS) {
      this.singles[format].clear();
      this.batches[format].clear();
      this.pages[format] = null;
    }
  }

  /** Messages that have not been routed yet stay: `isPressed` sees to it that they are few. */
  private trim(tail: SegmentLog): void {
    const { messages, bytes, totalBytes } = this.limits;
    const isCrowded = this.pool.inUse > totalBytes;
    tail.trim(isCrowded ? Math.ceil(tail.length / 2) : messages, bytes, this.routedHead + 1);
  }

  /** The last sequence of what one write may take. */
  private fit(format: Format, after: number, messages: number, bytes: number): number {
    return this.tails[format]?.fit(after, this.routedHead, messages, bytes) ?? this.routedHead;
  }

  private prepare(format: Format, after: number, to: number, maxBytes: number, replayed: boolean): TailRange {
    const tail = this.tails[format] as SegmentLog;
    const frames: Uint8Array[] = [];
    for (let sequence = after + 1; sequence <= to; sequence += 1) {
      const frame = tail.record(sequence);
      frames.push(replayed ? CODECS[format].replayed(frame) : frame);
    }
    if (!this.isPrepared) this.onPrepared(this);
    this.isPrepared = true;
    const [bytes, arrivedAt] = [tail.bytesBetween(after, to), tail.arrivedAt(after + 1)];
    return { after, to, replayed, frames, batch: null, bytes, arrivedAt, maxBytes, next: null };
  }
}

const FORMATS: readonly Format[] = ['json', 'msgpack'];
