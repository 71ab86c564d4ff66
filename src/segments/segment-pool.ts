/** Off-heap memory in a few fixed sizes, recycled, so that logs grow without copying and leave nothing to the collector. */

/** Bytes of a log's first, second, third and every further segment: small for the many quiet topics, large for the busy. */
const SEGMENT_SIZES = [1_024, 4_096, 16_384, 65_536] as const;

/** Memory must be divisible into numbers of 8 bytes. */
const ALIGNMENT = 8;

export class SegmentPool {
  /** Bytes handed out and not yet released: what all logs of this pool hold together. */
  inUse = 0;
  private kept = 0;
  private readonly keepBytes: number;
  private readonly free: readonly Buffer[][] = SEGMENT_SIZES.map(() => []);

  /** @param keepBytes how much released memory is kept for reuse at most; the rest goes back to the system */
  constructor(keepBytes: number) {
    this.keepBytes = keepBytes;
  }

  /**
   * Memory for at least `needed` bytes.
   * @param ordinal how many segments the log already has: decides the size
   */
  acquire(ordinal: number, needed: number): Buffer {
    for (let size = Math.min(ordinal, SEGMENT_SIZES.length - 1); size < SEGMENT_SIZES.length; size += 1) {
      const bytes = SEGMENT_SIZES[size] as number;
      if (bytes < needed) continue;
      this.inUse += bytes;
      const recycled = this.free[size]?.pop();
      if (recycled === undefined) return Buffer.allocUnsafeSlow(bytes);
      this.kept -= bytes;
      return recycled;
    }
    // A record larger than the largest size gets memory of its own, which is not recycled.
    const own = Math.ceil(needed / ALIGNMENT) * ALIGNMENT;
    this.inUse += own;
    return Buffer.allocUnsafeSlow(own);
  }

  release(memory: Buffer): void {
    const bytes = memory.byteLength;
    this.inUse -= bytes;
    const size = SEGMENT_SIZES.indexOf(bytes as (typeof SEGMENT_SIZES)[number]);
    if (size === -1 || this.kept + bytes > this.keepBytes) return;
    this.kept += bytes;
    this.free[size]?.push(memory);
  }

  /** So many bytes in use count as another pool's from now on. */
  handOver(bytes: number, to: SegmentPool): void {
    this.inUse -= bytes;
    to.inUse += bytes;
  }
}
