/** A dense, sequence-addressed log of byte records in off-heap segments. It stores a topic's messages and tails. */
import type { SegmentPool } from './segment-pool.ts';

interface Segment {
  /** Sequence of its first record. */
  readonly first: number;
  readonly memory: Buffer;
  /** Bytes that the log had taken before this segment. */
  readonly offset: number;
  /** Where each record ends in `memory`. */
  readonly ends: number[];
  /** What the caller wants to remember of each record: a time. */
  readonly stamps: number[];
}

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
    const size = typeof record === 'string' ? Buffer.byteLength(record) : record.byteLength;
    let segment = this.segments.at(-1);
    let start = segment?.ends.at(-1) ?? 0;
    if (segment === undefined || start + size > segment.memory.byteLength) {
      const memory = this.pool.acquire(this.segments.length, size);
      segment = { first: this.next, memory, offset: this.taken, ends: [], stamps: [] };
      this.segments.push(segment);
      start = 0;
    }
    if (typeof record === 'string') segment.memory.write(record, start, 'utf8');
    else segment.memory.set(record, start);
    segment.ends.push(start + size);
    segment.stamps.push(stamp);
    this.taken += size;
    this.next += 1;
    return size;
  }

  /** The record's bytes, not copied: valid until the record is trimmed. The sequence must be held. */
  record(sequence: number): Uint8Array {
    const segment = this.segmentOf(sequence);
    const index = sequence - segment.first;
    const start = index === 0 ? 0 : (segment.ends[index - 1] as number);
    return new Uint8Array(segment.memory.buffer, start, (segment.ends[index] as number) - start);
  }

  stamp(sequence: number): number {
    const segment = this.segmentOf(sequence);
    return segment.stamps[sequence - segment.first] as number;
  }

  /** Bytes of the records after `after` up to and including `to`. Both ends must be held, or be the end before `first`. */
  bytesBetween(after: number, to: number): number {
    return this.startOf(to + 1) - this.startOf(after + 1);
  }

  /** The last sequence of a range that starts after `after`, holds at least one record and at most so many and so much. */
  fit(after: number, to: number, maxRecords: number, maxBytes: number): number {
    let end = Math.min(to, after + maxRecords);
    while (end > after + 1 && this.bytesBetween(after, end) > maxBytes) end = after + ((end - after) >> 1);
    return end;
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
    while (first < keepFrom && this.taken - this.startOf(first) > maxBytes) first += 1;
    this.dropBefore(first);
  }

  /** Drops the oldest records up to, not including, `first`. */
  dropBefore(first: number): void {
    if (first <= this.first) return;
    this.first = Math.min(first, this.next);
    let gone = 0;
    for (const segment of this.segments) {
      if (segment.first + segment.ends.length > this.first) break;
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
      const end = segment.ends.pop() as number;
      segment.stamps.pop();
      this.taken -= end - (segment.ends.at(-1) ?? 0);
      this.next -= 1;
      if (segment.ends.length === 0) {
        this.pool.release(segment.memory);
        this.segments.pop();
      }
    }
  }

  /** Bytes taken before the record `sequence`. */
  private startOf(sequence: number): number {
    if (sequence >= this.next) return this.taken;
    const segment = this.segmentOf(sequence);
    const index = sequence - segment.first;
    return segment.offset + (index === 0 ? 0 : (segment.ends[index - 1] as number));
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
