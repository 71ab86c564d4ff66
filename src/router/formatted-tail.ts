/** The tail of a topic in one wire format: its newest messages as they are sent, and what is prepared of them for a flush. */
import type { Codec } from '../protocol/codec.ts';
import { LOG_CODEC } from '../protocol/codecs.ts';
import type { Publication } from '../protocol/position.ts';
import { NOT_SHARED, SegmentLog } from '../segments/segment-log.ts';
import type { SegmentPool } from '../segments/segment-pool.ts';
import type { Segment } from '../segments/segment.ts';
import { PreparedRanges, type TailRange, type WriteLimits, type WriteShape } from './prepared-ranges.ts';

export class FormattedTail {
  readonly log: SegmentLog;
  /** Bytes of what is not routed yet. */
  unroutedBytes = 0;
  /** Live ones, of single messages and of batches: their writes end at different places. */
  private readonly singles = new PreparedRanges();
  private readonly batches = new PreparedRanges();
  /** The page of a replay that was prepared last: pages are copies, so only one is kept. */
  private page: TailRange | null = null;
  private readonly codec: Codec;

  /** @param first the sequence that it begins with */
  constructor(codec: Codec, pool: SegmentPool, first: number) {
    this.codec = codec;
    this.log = new SegmentLog(pool, first);
  }

  /** @param segment where a log keeps the frame of {@link LOG_CODEC}, which a tail in that format then shares */
  add(publication: Publication, now: number, segment: Segment | null): void {
    const { log, codec } = this;
    const shared = segment === null || codec !== LOG_CODEC ? NOT_SHARED : log.share(segment);
    this.unroutedBytes += shared === NOT_SHARED ? log.append(codec.publication(publication), now) : shared;
  }

  /** Nothing waits to be counted into mailboxes any more. @returns the bytes that did */
  allRouted(): number {
    const bytes = this.unroutedBytes;
    this.unroutedBytes = 0;
    // The next subscribers get longer ranges; the old ones would only be kept by each other.
    this.singles.clear();
    this.batches.clear();
    return bytes;
  }

  /** A page of a replay: the same object while neighbours ask for the same one. */
  preparePage(after: number, head: number, { messages, bytes }: WriteLimits): TailRange {
    const to = this.log.fit(after, head, messages, bytes);
    const last = this.page;
    if (last !== null && last.after === after && last.to === to) return last;
    this.page = this.prepare(after, to, bytes, true);
    return this.page;
  }

  /** What a live subscriber that stands at `after` is written next: mostly what its neighbour was. */
  prepareLive({ isBatch, messages }: WriteShape, after: number, head: number, maxBytes: number): TailRange {
    const ranges = isBatch ? this.batches : this.singles;
    const found = ranges.find(after, head, messages, maxBytes);
    if (found !== null) return found;
    const range = this.prepare(after, this.log.fit(after, head, messages, maxBytes), maxBytes, false);
    ranges.add(range);
    return range;
  }

  /** Prepared frames are views into the tail: they must go before its memory is used for something else. */
  forgetPrepared(): void {
    this.singles.clear();
    this.batches.clear();
    this.page = null;
  }

  private prepare(after: number, to: number, maxBytes: number, replayed: boolean): TailRange {
    const { log, codec } = this;
    const frames: Uint8Array[] = [];
    for (let sequence = after + 1; sequence <= to; sequence += 1) {
      const frame = log.record(sequence);
      frames.push(replayed ? codec.replayed(frame) : frame);
    }
    const [bytes, arrivedAt] = [log.bytesBetween(after, to), log.arrivedAt(after + 1)];
    return { after, to, replayed, frames, batch: null, bytes, arrivedAt, maxBytes, next: null };
  }
}
