/**
 * A stretch of memory with consecutive records. Records grow from its front, their index from its end: for each record
 * where it ends, and two times. In arrays beside it the index cost as much as the records: memory of its own, out of the
 * cache, and the collector's time.
 *
 * Several logs may hold the same segment: one writes, the others share what they were told of. That is how a publication
 * is written once on its way from the log of a broker into the tail of a router, which was a seventh of the CPU of a
 * busy node with few subscribers a topic.
 */
import type { SegmentPool } from './segment-pool.ts';

/** Three numbers for each record. */
export const INDEX_BYTES = 24;
const NUMBERS = 3;

export class Segment {
  /** Number of its first record. */
  readonly first: number;
  readonly memory: Buffer;
  /** Records in it. */
  count = 0;
  /** Where the next record begins. */
  end = 0;
  private readonly index: Float64Array;
  /** Where its memory came from and goes back to. */
  private readonly origin: SegmentPool;
  /** The pools of the logs that hold it: its memory counts as the first one's. */
  private readonly holders: SegmentPool[];

  constructor(first: number, memory: Buffer, origin: SegmentPool) {
    this.first = first;
    this.memory = memory;
    this.index = new Float64Array(memory.buffer);
    this.origin = origin;
    this.holders = [origin];
  }

  /** Whether the memory is still its own: after the last log has let go of it, it is used for something else. */
  get isHeld(): boolean {
    return this.holders.length > 0;
  }

  get isShared(): boolean {
    return this.holders.length > 1;
  }

  /** One more log holds it. */
  join(pool: SegmentPool): void {
    this.holders.push(pool);
  }

  /** A log of this pool lets go of it: the memory counts as the next one's, or goes back to where it came from. */
  leave(pool: SegmentPool): void {
    const at = this.holders.indexOf(pool);
    this.holders.splice(at, 1);
    if (at > 0) return;
    const next = this.holders[0] ?? this.origin;
    pool.handOver(this.memory.byteLength, next);
    if (!this.isHeld) next.release(this.memory);
  }

  hasRoomFor(size: number): boolean {
    return this.end + size + (this.count + 1) * INDEX_BYTES <= this.memory.byteLength;
  }

  /** Counts a record whose bytes have been written at {@link end}. */
  push(size: number, stamp: number, arrivedAt: number): void {
    const at = this.index.length - NUMBERS * this.count;
    this.end += size;
    this.index[at - 1] = this.end;
    this.index[at - 2] = stamp;
    this.index[at - 3] = arrivedAt;
    this.count += 1;
  }

  /** Takes the newest records back until `count` are left. */
  cut(count: number): void {
    this.end = this.startOf(count);
    this.count = count;
  }

  /** Where a record begins; for the one after the last, where the last ends. */
  startOf(at: number): number {
    return at === 0 ? 0 : (this.index[this.index.length - NUMBERS * at + 2] as number);
  }

  stamp(at: number): number {
    return this.index[this.index.length - NUMBERS * at - 2] as number;
  }

  arrivedAt(at: number): number {
    return this.index[this.index.length - NUMBERS * at - 3] as number;
  }
}
