/**
 * The pages of logs that were read last. Clients that stalled or were cut off together read the same pages one shortly after the
 * other: read, decoded and marked once, a page costs the ten others of W5 only its write. Few, and only for a moment:
 * the log is where messages are kept.
 */
import type { Codec } from '../protocol/codec.ts';
import type { PreparedRange } from './prepared-ranges.ts';
import type { RoutedTopic } from './routed-topic.ts';

/** Of all topics together: a page has about 256 KiB at most, twice that once a batching client had it, so they take 16 MiB. */
const MAX_PAGES = 32;

interface Entry {
  readonly topic: RoutedTopic;
  /** Of which epoch: an epoch that has ended is read no more. */
  readonly epochNumber: number;
  readonly codec: Codec;
  readonly page: PreparedRange;
  isUsed: boolean;
}

export class PageCache {
  private entries: Entry[] = [];
  /** The oldest one, once the cache is full. */
  private oldest = 0;

  /** The page after a sequence, if somebody has just read it. */
  find(topic: RoutedTopic, codec: Codec, after: number): PreparedRange | null {
    for (const entry of this.entries) {
      const isSame = entry.topic === topic && entry.page.after === after && entry.codec === codec;
      if (!isSame || entry.epochNumber !== topic.epochNumber) continue;
      entry.isUsed = true;
      return entry.page;
    }
    return null;
  }

  /** @param page frames without a hole, marked as replayed, of memory of their own */
  add(topic: RoutedTopic, codec: Codec, page: PreparedRange): void {
    // Those who asked before the first answer was in all bring the same page.
    if (this.find(topic, codec, page.after) !== null) return;
    const entry = { topic, epochNumber: topic.epochNumber, codec, page, isUsed: true };
    if (this.entries.length < MAX_PAGES) {
      this.entries.push(entry);
      return;
    }
    this.entries[this.oldest] = entry;
    this.oldest = (this.oldest + 1) % MAX_PAGES;
  }

  forget(topic: RoutedTopic): void {
    this.entries = this.entries.filter((entry) => entry.topic !== topic);
    this.oldest = 0;
  }

  /** Forgets what nobody has asked for since the last time. Call it about once a second. */
  sweep(): void {
    this.entries = this.entries.filter(({ isUsed }) => isUsed);
    for (const entry of this.entries) entry.isUsed = false;
    this.oldest = 0;
  }
}
