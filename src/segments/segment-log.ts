/** A dense, sequence-addressed log of byte records in off-heap segments. It stores a topic's messages and tails. */
import type { SegmentPool } from './segment-pool.ts';
import { INDEX_BYTES, Segment } from './segment.ts';

/** The part of a segment that belongs to this log: from `first` to where the next part begins. */
interface Part {
  /** Number of the first record of this part. */
  readonly first: number;
  readonly segment: Segment;
  /** Bytes that the log had taken before the segment's first record, whether that is the log's or not. */
  readonly offset: number;
}

/** UTF-8 takes at most so many bytes for a UTF-16 code unit. */
const MAX_UTF8_BYTES = 3;
/** What {@link SegmentLog.share} answers when there is nothing to share. */
export const NOT_SHARED = -1;

export class SegmentLog {
  /** Sequence of the oldest record held; equals {@link next} when the log is empty. */
  first: number;
  /** Sequence that the next record gets. */
  next: number;
  private parts: Part[] = [];
  /** The segment that is written to; `null` when the next record needs another one. */
  private open: Segment | null = null;
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

  /** The segment that holds the newest record, for {@link share}; `null` when there is none. */
  get newest(): Segment | null {
    return this.parts.at(-1)?.segment ?? null;
  }

  /**
   * Adds a record as number {@link next}; text is stored as UTF-8. Returns its size in bytes.
   * @param stamp what {@link firstSince} goes by: never less than that of the record before
   * @param arrivedAt a second time that is kept with the record
   */
  append(record: string | Uint8Array, stamp: number, arrivedAt: number = stamp): number {
    const segment = this.segmentFor(record);
    let size = record.length;
    if (typeof record === 'string') size = segment.memory.write(record, segment.end, 'utf8');
    else segment.memory.set(record, segment.end);
    segment.push(size, stamp, arrivedAt);
    this.taken += size;
    this.next += 1;
    return size;
  }

  /**
   * Adds the record number {@link next} of another log, without copying it: its segment belongs to both from now on.
   * @returns its size in bytes, or {@link NOT_SHARED} when the segment does not hold it, or not any more
   */
  share(segment: Segment): number {
    const { next } = this;
    const at = next - segment.first;
    if (at < 0 || at >= segment.count || !segment.isHeld) return NOT_SHARED;
    const start = segment.startOf(at);
    if (this.newest !== segment) {
      this.parts.push({ first: next, segment, offset: this.taken - start });
      this.open = null;
      segment.join(this.pool);
    }
    const size = segment.startOf(at + 1) - start;
    this.taken += size;
    this.next = next + 1;
    return size;
  }

  /** The record's bytes, not copied: valid until the record is trimmed. The sequence must be held. */
  record(sequence: number): Uint8Array {
    const { segment } = this.partOf(sequence);
    const at = sequence - segment.first;
    const start = segment.startOf(at);
    return new Uint8Array(segment.memory.buffer, start, segment.startOf(at + 1) - start);
  }

  /** Copies of consecutive records, in one piece of memory. All of them must be held. */
  copies(from: number, to: number): Uint8Array[] {
    const memory = Buffer.allocUnsafeSlow(this.bytesBetween(from - 1, to)).buffer;
    const records: Uint8Array[] = [];
    let start = 0;
    for (let sequence = from; sequence <= to; sequence += 1) {
      const record = this.record(sequence);
      const copy = new Uint8Array(memory, start, record.byteLength);
      copy.set(record);
      records.push(copy);
      start += record.byteLength;
    }
    return records;
  }

  stamp(sequence: number): number {
    const { segment } = this.partOf(sequence);
    return segment.stamp(sequence - segment.first);
  }

  arrivedAt(sequence: number): number {
    const { segment } = this.partOf(sequence);
    return segment.arrivedAt(sequence - segment.first);
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
    // The segments hold at least what the records take: looking at old records costs more than most appends.
    const held = this.taken - (this.parts[0]?.offset ?? this.taken);
    if (held > maxBytes) while (first < keepFrom && this.taken - this.startOf(first) > maxBytes) first += 1;
    this.dropBefore(first);
  }

  /** Drops the oldest records up to, not including, `first`. */
  dropBefore(first: number): void {
    if (first <= this.first) return;
    this.first = Math.min(first, this.next);
    let gone = 0;
    for (const { segment } of this.parts) {
      const end = this.parts[gone + 1]?.first ?? this.next;
      if (end > this.first) break;
      // The newest segment stays while it has room, so that a quiet topic does not swap memory with every message.
      if (gone === this.parts.length - 1 && this.first < this.next) break;
      segment.leave(this.pool);
      gone += 1;
    }
    if (gone > 0) this.parts.splice(0, gone);
    if (this.parts.length === 0) this.open = null;
  }

  /** Forgets everything; the next record gets the number `next`. */
  reset(next: number): void {
    for (const { segment } of this.parts) segment.leave(this.pool);
    this.parts = [];
    this.open = null;
    this.first = next;
    this.next = next;
  }

  /** Drops the newest records from `next` on; the next record gets that number again. */
  truncate(next: number): void {
    if (next >= this.next) return;
    if (next <= this.first) return this.reset(next);
    this.taken = this.startOf(next);
    this.next = next;
    for (let part = this.parts.at(-1); part !== undefined && part.first >= next; part = this.parts.at(-1)) {
      part.segment.leave(this.pool);
      this.parts.pop();
    }
    const { open } = this;
    if (open === null) return;
    // Others read what they share: the log goes on elsewhere.
    if (open !== this.newest || open.isShared) this.open = null;
    else open.cut(next - open.first);
  }

  /** The newest segment when it has room, else a new one. Text is measured only when it might not fit. */
  private segmentFor(record: string | Uint8Array): Segment {
    const { open } = this;
    if (typeof record === 'string' && open?.hasRoomFor(record.length * MAX_UTF8_BYTES) === true) return open;
    const size = typeof record === 'string' ? Buffer.byteLength(record) : record.byteLength;
    if (open?.hasRoomFor(size) === true) return open;
    const { pool, next } = this;
    const segment = new Segment(next, pool.acquire(this.parts.length, size + INDEX_BYTES), pool);
    this.parts.push({ first: next, segment, offset: this.taken });
    this.open = segment;
    return segment;
  }

  /** Bytes taken before the record `sequence`. */
  private startOf(sequence: number): number {
    if (sequence >= this.next) return this.taken;
    const { segment, offset } = this.partOf(sequence);
    return offset + segment.startOf(sequence - segment.first);
  }

  private partOf(sequence: number): Part {
    const last = this.parts.at(-1);
    if (last !== undefined && sequence >= last.first) return last;
    let low = 0;
    let high = this.parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.parts[middle] as Part).first <= sequence) low = middle;
      else high = middle - 1;
    }
    const part = this.parts[low];
    if (part === undefined || sequence < this.first)
      throw new RangeError(`record ${sequence} is not held (first ${this.first}, next ${this.next})`);
    return part;
  }
}
