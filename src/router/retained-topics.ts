/**
 * Topics whose interest the broker counts for themselves, as opposed to those that a pattern brings and takes along; and
 * who waits for the broker's answer.
 */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Interest } from './interest.ts';
import type { RoutedTopic } from './routed-topic.ts';

/** Called back with why the topic cannot be kept, or `null`. */
export type Ready = (refused: Refusal | null) => void;

/** What the broker has answered, before those who wait for it hear of it. */
export interface Answered {
  /** @param position `null` for an ephemeral topic */
  granted(topic: RoutedTopic, position: Position | null, asked: number): void;
  refused(topic: RoutedTopic): void;
}

export class RetainedTopics {
  private readonly retained = new Set<RoutedTopic>();
  private readonly waiting = new Map<RoutedTopic, Ready[]>();
  private readonly interest: Interest;
  private readonly answered: Answered;

  constructor(interest: Interest, answered: Answered) {
    this.interest = interest;
    this.answered = answered;
  }

  /** Whether the broker has granted it. */
  has(topic: RoutedTopic): boolean {
    return this.retained.has(topic);
  }

  /** Whether the broker's answer is awaited. */
  awaits(topic: RoutedTopic): boolean {
    return this.waiting.has(topic);
  }

  /** @param asked handed on to {@link Answered.granted}, if the broker has to be asked: what its answer is to be held against */
  whenKept(topic: RoutedTopic, ready: Ready, asked: number): void {
    const waiting = this.waiting.get(topic);
    if (waiting !== undefined) waiting.push(ready);
    else if (this.retained.has(topic)) ready(null);
    else this.retain(topic, ready, asked);
  }

  /** Nobody listens to the topic any more. The requests that wait are gone and are not called. */
  release(topic: RoutedTopic): void {
    this.waiting.delete(topic);
    if (this.retained.delete(topic)) this.interest.release(topic.name);
  }

  private retain(topic: RoutedTopic, first: Ready, asked: number): void {
    const waiting = [first];
    this.waiting.set(topic, waiting);
    this.interest.retain(
      topic.name,
      (answer) => {
        // The topic was dropped meanwhile and its subscribers are gone; only now there is something to release.
        if (this.waiting.get(topic) !== waiting) {
          if (!isRefusal(answer)) this.interest.release(topic.name);
          return;
        }
        this.waiting.delete(topic);
        if (isRefusal(answer)) this.answered.refused(topic);
        else {
          this.retained.add(topic);
          this.answered.granted(topic, answer.position, asked);
        }
        for (const ready of waiting) ready(isRefusal(answer) ? answer : null);
      },
      topic.subscriptions.at(-1)?.owner.principal.user,
    );
  }
}
