/** The topics that a node serves, by name, and by segments: that is how patterns look for them. */
import { TopicIndex } from '../protocol/topic-index.ts';
import type { Topic } from '../protocol/topic.ts';
import type { RoutedTopic } from './routed-topic.ts';

export class OpenTopics {
  private readonly byName = new Map<Topic, RoutedTopic>();
  private readonly index = new TopicIndex<RoutedTopic>();

  get size(): number {
    return this.byName.size;
  }

  get(name: Topic): RoutedTopic | undefined {
    return this.byName.get(name);
  }

  all(): Iterable<RoutedTopic> {
    return this.byName.values();
  }

  /** Those that a pattern matches, and how many names had to be looked at. */
  matching(pattern: string): { readonly topics: readonly RoutedTopic[]; readonly looked: number } {
    const topics: RoutedTopic[] = [];
    const looked = this.index.visit(pattern, (topic) => topics.push(topic) > 0);
    return { topics, looked };
  }

  add(topic: RoutedTopic): void {
    this.byName.set(topic.name, topic);
    this.index.set(topic.name, topic);
  }

  remove(topic: RoutedTopic): void {
    this.byName.delete(topic.name);
    this.index.delete(topic.name);
  }
}
