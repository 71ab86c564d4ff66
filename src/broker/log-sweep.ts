/**
 * The round through all logs of the memory broker, in parts: what is too old goes, and when all logs together take more
 * than they may, the largest are shortened, in a second round through those of the size that makes enough room.
 */
import type { SegmentPool } from '../segments/segment-pool.ts';
import { Round, type Remainder } from '../telemetry/round.ts';
import type { MemoryTopic } from './memory-topic.ts';

/** Shortening ends when so much of the bytes that logs may take is taken. */
const ENOUGH = 0.9;
/** Sizes by powers of two. */
const SIZES = 48;

export class LogSweep {
  private readonly round = new Round<MemoryTopic>();
  /** Bytes that half of the logs' messages are, by the logs' sizes: what shortening them would free. */
  private readonly halves = new Float64Array(SIZES);
  /** Logs of this size or a larger one are shortened; `null` while the round only looks for what is too old. */
  private shortened: number | null = null;
  private isUrgent = false;
  private readonly topics: ReadonlyMap<unknown, MemoryTopic>;
  private readonly pool: SegmentPool;
  private readonly maxBytes: number;

  constructor(topics: ReadonlyMap<unknown, MemoryTopic>, pool: SegmentPool, maxBytes: number) {
    this.topics = topics;
    this.pool = pool;
    this.maxBytes = maxBytes;
  }

  /**
   * @param most topics that are looked at
   * @param isOver drops what is too old of a topic, and says whether nothing is left of the topic
   */
  part(most: number, isOver: (topic: MemoryTopic) => boolean): Remainder {
    const isFull = this.pool.inUse > this.maxBytes;
    if (this.round.isOver || (isFull && !this.isUrgent)) this.begin(isFull);
    for (let left = most; left > 0 && !this.round.isOver;) {
      left -= this.round.next(left, (topic) => {
        if (this.shortened !== null) this.shorten(topic, this.shortened);
        else if (!isOver(topic)) this.count(topic);
      });
      if (this.round.isOver) this.beginShortening();
    }
    if (this.round.isOver) return 'nothing';
    return this.isUrgent ? 'is_urgent' : 'has_time';
  }

  private begin(isUrgent: boolean): void {
    this.isUrgent = isUrgent;
    this.shortened = null;
    this.halves.fill(0);
    this.round.begin(this.topics.values(), this.topics.size);
  }

  private count({ log }: MemoryTopic): void {
    if (log.length > 1) this.halves[sizeOf(log.bytes)] = (this.halves[sizeOf(log.bytes)] ?? 0) + log.bytes / 2;
  }

  /** Another round, through the logs that are large enough to be shortened, if room is needed and there are some. */
  private beginShortening(): void {
    const { inUse } = this.pool;
    const isDone = this.shortened === null ? inUse <= this.maxBytes : inUse <= this.maxBytes * ENOUGH;
    const size = isDone ? null : this.sizeThatFrees(inUse - this.maxBytes * ENOUGH);
    if (size === null) return;
    this.isUrgent = true;
    this.shortened = size;
    this.round.begin(this.topics.values(), this.topics.size);
  }

  /** The largest size of logs that make so much room together; what was counted for it is not counted again. */
  private sizeThatFrees(bytes: number): number | null {
    let freed = 0;
    let smallest: number | null = null;
    for (let size = SIZES - 1; size >= 0 && freed < bytes; size -= 1) {
      const half = this.halves[size] ?? 0;
      if (half === 0) continue;
      freed += half;
      smallest = size;
      this.halves[size] = 0;
    }
    return smallest;
  }

  private shorten({ log }: MemoryTopic, size: number): void {
    if (this.pool.inUse <= this.maxBytes * ENOUGH || sizeOf(log.bytes) < size) return;
    log.trim(Math.ceil(log.length / 2), Infinity);
  }
}

function sizeOf(bytes: number): number {
  return Math.min(SIZES - 1, Math.ceil(Math.log2(bytes + 1)));
}
