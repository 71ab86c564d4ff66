/**
 * Topics that hold prepared frames. Subscribers of one topic mostly have their turns one after the other, and frames that
 * were kept until all turns are over grew old enough for the collector to move and mark them (4 % of the CPU in W2).
 */
import type { RoutedTopic } from './routed-topic.ts';

/** With one more, the topic that was prepared first forgets its frames. */
const MAX_PREPARED = 64;

export class PreparedTopics {
  private readonly topics: RoutedTopic[] = [];
  /** Place of the one that was prepared first. */
  private first = 0;

  add(topic: RoutedTopic): void {
    if (this.topics.length < MAX_PREPARED) {
      this.topics.push(topic);
      return;
    }
    this.topics[this.first]?.forgetPrepared();
    this.topics[this.first] = topic;
    this.first = (this.first + 1) % MAX_PREPARED;
  }

  /** Lets go of all frames that were prepared. */
  forget(): void {
    for (const topic of this.topics) topic.forgetPrepared();
    this.topics.length = 0;
    this.first = 0;
  }
}
