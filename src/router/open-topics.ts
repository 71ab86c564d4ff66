/** The topics that a node serves, by name, and by first segment: that is where patterns look for them. */
import { firstSegment, type Topic } from '../protocol/topic.ts';
import type { RoutedTopic } from './routed-topic.ts';

const NONE: ReadonlySet<RoutedTopic> = new Set();

export class OpenTopics {
  private readonly byName = new Map<Topic, RoutedTopic>();
  private readonly bySegment = new Map<string, Set<RoutedTopic>>();

  get size(): number {
    return this.byName.size;
  }

  get(name: Topic): RoutedTopic | undefined {
    return this.byName.get(name);
  }

  all(): Iterable<RoutedTopic> {
    return this.byName.values();
  }

  /** Those that a pattern can match. */
  underSegmentOf(pattern: string): ReadonlySet<RoutedTopic> {
    return this.bySegment.get(firstSegment(pattern)) ?? NONE;
  }

  add(topic: RoutedTopic): void {
    this.byName.set(topic.name, topic);
    const segment = firstSegment(topic.name);
    const siblings = this.bySegment.get(segment);
    if (siblings === undefined) this.bySegment.set(segment, new Set([topic]));
    else siblings.add(topic);
  }

  remove(topic: RoutedTopic): void {
    this.byName.delete(topic.name);
    const segment = firstSegment(topic.name);
    const siblings = this.bySegment.get(segment);
    siblings?.delete(topic);
    if (siblings?.size === 0) this.bySegment.delete(segment);
  }
}
