/**
 * Topics that hold prepared frames. Subscribers of one topic mostly have their turns one after the other, and frames that
 * were kept until all turns are over grew old enough for the collector to move and mark them (4 % of the CPU in W2).
 */
import type { RoutedTopic } from './routed-topic.ts';

/** With one more, the topic that was prepared first forgets its frames. */
const MAX_PREPARED = 64;

export class PreparedTopics {
  /** A ring, which keeps its memory from turn to turn. */
  private readonly topics: (RoutedTopic | null)[] = Array.from({ length: MAX_PREPARED }, () => null);
  /** How many were added since they were forgotten last. */
  private added = 0;

  add(topic: RoutedTopic): void {
    const at = this.added % MAX_PREPARED;
    this.topics[at]?.forgetPrepared();
    this.topics[at] = topic;
    this.added += 1;
  }

  /** Lets go of all frames that were prepared. */
  forget(): void {
    const held = Math.min(this.added, MAX_PREPARED);
    for (let at = 0; at < held; at += 1) {
      this.topics[at]?.forgetPrepared();
      this.topics[at] = null;
    }
    this.added = 0;
  }
}
