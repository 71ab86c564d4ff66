/**
 * Topics that only patterns bring and that were silent for long: of these a node remembers no more than where they
 * stand. Their notices still come, by the prefix; what a lost one would have said is found by asking where they stand.
 */
import { isRefusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import { TopicIndex } from '../protocol/topic-index.ts';
import type { Topic } from '../protocol/topic.ts';
import type { FollowedTopic } from './followed-topic.ts';
import type { Head, TopicLogs } from './topic-logs.ts';

export interface RestOptions {
  /** Silence after which a topic rests. */
  readonly afterMs: number;
  /** How often it is asked where resting topics stand. */
  readonly compareMs: number;
  /** A topic that is gone from the store is forgotten after so much silence; before that, the store has lost it, which is to be told. */
  readonly forgetMs: number;
}

interface RestingParts {
  readonly logs: TopicLogs;
  readonly clock: Clock;
  readonly options: RestOptions;
  /** The topic has moved on without a notice. */
  readonly moved: (topic: Topic) => void;
  readonly forgotten: (topic: Topic) => void;
}

type Place = Head & { readonly silentSince: number };

/** Places remembered at most. Beyond, topics are followed as before. */
const MAX_RESTING = 100_000;
const COMPARE_AT_ONCE = 500;

export class RestingTopics {
  private readonly places = new Map<Topic, Place>();
  private readonly index = new TopicIndex<Topic>();
  private comparedAt = 0;
  private readonly parts: RestingParts;

  constructor(parts: RestingParts) {
    this.parts = parts;
  }

  get size(): number {
    return this.places.size;
  }

  get isFull(): boolean {
    return this.places.size >= MAX_RESTING;
  }

  get(topic: Topic): Head | undefined {
    return this.places.get(topic);
  }

  /** Hands over those that a pattern matches, until it is told to stop. */
  visit(pattern: string, found: (topic: Topic, head: Head) => boolean): void {
    this.index.visit(pattern, (topic) => {
      const place = this.places.get(topic);
      return place === undefined || found(topic, place);
    });
  }

  /** Whether nothing was told of a followed topic for so long that it may rest. */
  isDue(topic: FollowedTopic): boolean {
    const { count, isKnown, isBusy, isStale, waiting, seen } = topic;
    const now = this.parts.clock.elapsed();
    if (seen.head !== topic.head || seen.epoch !== topic.epoch) {
      seen.head = topic.head;
      seen.epoch = topic.epoch;
      seen.at = now;
    }
    if (count > 0 || !isKnown || isBusy || isStale || waiting.length > 0 || this.isFull) return false;
    return now - seen.at >= this.parts.options.afterMs;
  }

  add({ name, epoch, first, lineage, withdrawn, head, seen }: FollowedTopic): void {
    this.places.set(name, { epoch, first, lineage, withdrawn, top: head, silentSince: seen.at });
    this.index.set(name, name);
  }

  /** Where it stood; it rests no longer. */
  take(topic: Topic): Head | undefined {
    const place = this.places.get(topic);
    if (place !== undefined) this.remove(topic);
    return place;
  }

  /** A pattern is gone: forgets those that it matched and that nothing else brings. */
  leave(pattern: string, isWanted: (topic: Topic) => boolean): void {
    for (const topic of this.index.matching(pattern)) if (!isWanted(topic)) this.remove(topic);
  }

  compareIfDue(): void {
    if (this.parts.clock.elapsed() - this.comparedAt >= this.parts.options.compareMs) this.compare();
  }

  /** Asks where all of them stand: who moved on is followed again. */
  compare(): void {
    this.comparedAt = this.parts.clock.elapsed();
    const names = [...this.places.keys()];
    for (let at = 0; at < names.length; at += COMPARE_AT_ONCE) this.compareSome(names.slice(at, at + COMPARE_AT_ONCE));
  }

  private remove(topic: Topic): void {
    this.places.delete(topic);
    this.index.delete(topic);
  }

  private compareSome(names: readonly Topic[]): void {
    const { logs, clock, options } = this.parts;
    const asked = new Map(names.map((name) => [name, this.places.get(name)]));
    logs.standing(names, (answer) => {
      // Asked again with the next beat.
      if (isRefusal(answer)) {
        this.comparedAt = -Infinity;
        return;
      }
      for (const [name, place] of asked) {
        if (place === undefined || this.places.get(name) !== place) continue;
        const head = answer.get(name);
        if (head === undefined) {
          if (clock.elapsed() - place.silentSince < options.forgetMs) continue;
          this.remove(name);
          this.parts.forgotten(name);
        } else if (hasMoved(place, head)) this.parts.moved(name);
      }
    });
  }
}

function hasMoved(place: Place, { epoch, top, withdrawn }: Head): boolean {
  return epoch !== place.epoch || top !== place.top || withdrawn !== place.withdrawn;
}
