/** A dense, sequence-addressed log of byte records in off-heap segments. It stores a topic's messages and tails. */
import type { SegmentPool } from './segment-pool.ts';

/**
 * Records grow from the front of the memory, their index from its end: for each record where it ends, and its stamp.
 * In arrays beside it the index cost as much as the records: memory of its own, out of the cache, and the collector's
 * time.
 */
class Segment {
  /** Sequence of its first record. */
  readonly first: number;
  readonly memory: Buffer;
  /** Bytes that the log had taken before this segment. */
  readonly offset: number;
  count = 0;
  /** Where the next record begins. */
  start = 0;
  private readonly index: Float64Array;

  constructor(first: number, memory: Buffer, offset: number) {
    this.first = first;
    this.memory = memory;
    this.offset = offset;
    this.index = new Float64Array(memory.buffer);
  }

  hasRoomFor(size: number): boolean {
    return this.start + size + (this.count + 1) * INDEX_BYTES <= this.memory.byteLength;
  }

  push(size: number, stamp: number): void {
    const at = this.index.length - 2 * this.count;
    this.start += size;
    this.index[at - 1] = this.start;
    this.index[at - 2] = stamp;
    this.count += 1;
  }

  /** Takes the newest record back. Returns its size. */
  pop(): number {
    const end = this.start;
    this.count -= 1;
    this.start = this.startOf(this.count);
    return end - this.start;
  }

  /** Where a record begins; for the one after the last, where the last ends. */
  startOf(at: number): number {
    return at === 0 ? 0 : (this.index[this.index.length - 2 * at + 1] as number);
  }

  stamp(at: number): number {
    return this.index[this.index.length - 2 * at - 2] as number;
  }
}

/** UTF-8 takes at most so many bytes for a UTF-16 code unit. */
const MAX_UTF8_BYTES = 3;
/** Two numbers for each record. */
const INDEX_BYTES = 16;

export class SegmentLog {
  /** Sequence of the oldest record held; equals {@link next} when the log is empty. */
  first: number;
  /** Sequence that the next record gets. */
  next: number;
  private segments: Segment[] = [];
  private taken = 0;
  private readonly pool: SegmentPool;

  constructor(pool: SegmentPool, next: number) {
    this.pool = pool;
    this.first = next;
    this.next = next;
  }

  get length(): number {
    return this.next - this.first;
  }

  /** Bytes of the records held. */
  get bytes(): number {
    return this.taken - this.startOf(this.first);
  }

  /** Adds a record as number {@link next}; text is stored as UTF-8. Returns its size in bytes. */
  append(record: string | Uint8Array, stamp: number): number {
    const segment = this.segmentFor(record);
    let size = record.length;
    if (typeof record === 'string') size = segment.memory.write(record, segment.start, 'utf8');
    else segment.memory.set(record, segment.start);
    segment.push(size, stamp);
    this.taken += size;
    this.next += 1;
    return size;
  }

  /** The record's bytes, not copied: valid until the record is trimmed. The sequence must be held. */
  record(sequence: number): Uint8Array {
    const segment = this.segmentOf(sequence);
    const start = segment.startOf(sequence - segment.first);
    return new Uint8Array(segment.memory.buffer, start, segment.startOf(sequence - segment.first + 1) - start);
  }

  stamp(sequence: number): number {
    const segment = this.segmentOf(sequence);
    return segment.stamp(sequence - segment.first);
  }

  /** Bytes of the records after `after` up to and including `to`. Both ends must be held, or be the end before `first`. */
  bytesBetween(after: number, to: number): number {
    return this.startOf(to + 1) - this.startOf(after + 1);
  }

  /** The last sequence of a range that starts after `after`, holds at least one record and at most so many and so much. */
  fit(after: number, to: number, maxRecords: number, maxBytes: number): number {
    let high = Math.min(to, after + maxRecords);
    if (this.bytesBetween(after, high) <= maxBytes) return high;
    let low = after + 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.bytesBetween(after, middle) <= maxBytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Sequence of the first record whose stamp is at least `stamp`, {@link next} when there is none. Stamps must not fall. */
  firstSince(stamp: number): number {
    let low = this.first;
    let high = this.next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.stamp(middle) < stamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Drops the oldest records until at most this much is left.
   * @param keepFrom records from here on stay, whatever the limits say; by default the newest
   */
  trim(maxRecords: number, maxBytes: number, keepFrom: number = this.next - 1): void {
    let first = Math.min(Math.max(this.first, this.next - maxRecords), keepFrom);
    // What the segments hold is at least what the records take: looking at old records costs more than most appends.
    const held = this.taken - (this.segments[0]?.offset ?? this.taken);
    if (held > maxBytes) while (first < keepFrom && this.taken - this.startOf(first) > maxBytes) first += 1;
    this.dropBefore(first);
  }

  /** Drops the oldest records up to, not including, `first`. */
  dropBefore(first: number): void {
    if (first <= this.first) return;
    this.first = Math.min(first, this.next);
    let gone = 0;
    for (const segment of this.segments) {
      if (segment.first + segment.count > this.first) break;
      // The newest segment stays while it has room, so that a quiet topic does not swap memory with every message.
      if (gone === this.segments.length - 1 && this.first < this.next) break;
      this.pool.release(segment.memory);
      gone += 1;
    }
    if (gone > 0) this.segments.splice(0, gone);
  }

  /** Forgets everything; the next record gets the number `next`. */
  reset(next: number): void {
    for (const segment of this.segments) this.pool.release(segment.memory);
    this.segments = [];
    this.first = next;
    this.next = next;
  }

  /** Drops the newest records from `next` on; the next record gets that number again. */
  truncate(next: number): void {
    if (next <= this.first) {
      this.reset(next);
      return;
    }
    while (this.next > next) {
      const segment = this.segments.at(-1) as Segment;
      this.taken -= segment.pop();
      this.next -= 1;
      if (segment.count === 0) {
        this.pool.release(segment.memory);
        this.segments.pop();
      }
    }
  }

  /** The newest segment when it has room, else a new one. Text is measured only when it might not fit. */
  private segmentFor(record: string | Uint8Array): Segment {
    const last = this.segments.at(-1);
    if (typeof record === 'string' && last?.hasRoomFor(record.length * MAX_UTF8_BYTES) === true) return last;
    const size = typeof record === 'string' ? Buffer.byteLength(record) : record.byteLength;
    if (last?.hasRoomFor(size) === true) return last;
    const segment = new Segment(this.next, this.pool.acquire(this.segments.length, size + INDEX_BYTES), this.taken);
    this.segments.push(segment);
    return segment;
  }

  /** Bytes taken before the record `sequence`. */
  private startOf(sequence: number): number {
    if (sequence >= this.next) return this.taken;
    const segment = this.segmentOf(sequence);
    return segment.offset + segment.startOf(sequence - segment.first);
  }

  private segmentOf(sequence: number): Segment {
    const last = this.segments.at(-1);
    if (last !== undefined && sequence >= last.first) return last;
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle] as Segment).first <= sequence) low = middle;
      else high = middle - 1;
    }
    const segment = this.segments[low];
    if (segment === undefined || sequence < this.first)
      throw new RangeError(`record ${sequence} is not held (first ${this.first}, next ${this.next})`);
    return segment;
  }
}
