/**
 * News of a topic before the broker has said where it stands: publications, and the change of epoch that came
 * last, which may be newer than the answer. It is taken up when the answer is in.
 */
import type { Publication } from '../protocol/position.ts';
import type { RoutedTopic } from './routed-topic.ts';

export class EarlyNews {
  private readonly publications = new Map<RoutedTopic, Publication[]>();
  private readonly changes = new Map<RoutedTopic, () => void>();
  private readonly capacity: number;

  /** @param capacity publications kept per topic: what does not fit is read from the log afterwards, like any hole */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  published(topic: RoutedTopic, publication: Publication): void {
    const early = this.publications.get(topic);
    if (early === undefined) this.publications.set(topic, [publication]);
    else if (early.push(publication) > this.capacity) early.shift();
  }

  /** What came of an epoch that has ended since would take the topic back there: it goes on under the next, or is gone. */
  epochChanged(topic: RoutedTopic, epoch: string, first: number, change: () => void): void {
    this.changes.set(topic, change);
    const early = this.publications.get(topic);
    if (early === undefined) return;
    const kept = early.filter(({ position }) => position === null || position.sequence < first);
    this.publications.set(
      topic,
      kept.map((publication) => ({
        ...publication,
        position: publication.position && { ...publication.position, epoch },
      })),
    );
  }

  renumbered(topic: RoutedTopic, change: () => void): void {
    this.changes.set(topic, change);
    this.publications.delete(topic);
  }

  /** The oldest publication that is kept. */
  firstOf(topic: RoutedTopic): Publication | undefined {
    return this.publications.get(topic)?.[0];
  }

  /** Carries out the change of epoch that was told last. */
  change(topic: RoutedTopic): void {
    const change = this.changes.get(topic);
    this.changes.delete(topic);
    change?.();
  }

  /** What was kept, which is the caller's now. */
  take(topic: RoutedTopic): readonly Publication[] {
    const early = this.publications.get(topic) ?? [];
    this.publications.delete(topic);
    return early;
  }

  forget(topic: RoutedTopic): void {
    this.publications.delete(topic);
    this.changes.delete(topic);
  }
}
