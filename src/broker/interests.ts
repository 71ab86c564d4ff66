/** What this node wants to hear of: topics and patterns, counted, and the subscriptions that bring them. */
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { MAX_PATTERN_POSITIONS } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import { PatternIndex } from '../protocol/pattern-index.ts';
import { TopicIndex } from '../protocol/topic-index.ts';
import { firstSegment, type Topic } from '../protocol/topic.ts';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Reply, Retained } from './broker.ts';
import { FollowedTopic } from './followed-topic.ts';
import type { Follower } from './follower.ts';
import { RestingTopics, type RestOptions } from './resting-topics.ts';
import type { Head, TopicLogs } from './topic-logs.ts';

interface FollowedPattern {
  readonly pattern: string;
  count: number;
  /** Every topic that it matches is followed: what appears later comes as a notice. */
  isComplete: boolean;
  waiting: Reply<Retained>[];
}

export interface InterestParts {
  readonly logs: TopicLogs;
  readonly follower: Follower;
  readonly scheduler: Scheduler;
  readonly isEphemeral: (topic: Topic) => boolean;
  readonly clock: Clock;
  readonly rest: RestOptions;
  readonly forgotten: (topic: Topic) => void;
}

const NOTHING_MATCHED: ReadonlyMap<Topic, Position> = new Map();
/** Topics of a pattern that are looked for after nothing was heard for a while. */
const MAX_LISTED = 10_000;
/** Topics subscribed by one call. */
const SUBSCRIBE_AT_ONCE = 1_000;

export class Interests {
  readonly topics = new Map<Topic, FollowedTopic>();
  private readonly index = new TopicIndex<FollowedTopic>();
  private readonly patterns = new PatternIndex<FollowedPattern>();
  /** How many patterns there are under each first segment. */
  private readonly bySegment = new Map<string, number>();
  readonly resting: RestingTopics;
  private wanted: FollowedTopic[] = [];
  private readonly parts: InterestParts;

  constructor(parts: InterestParts) {
    this.parts = parts;
    const { logs, clock, rest, forgotten } = parts;
    this.resting = new RestingTopics({ logs, clock, options: rest, forgotten, moved: (topic) => this.wake(topic) });
  }

  /** Whether a publication of this topic is to be told here. */
  has(topic: Topic): boolean {
    return (this.topics.get(topic)?.count ?? 0) > 0 || this.matchesAny(topic);
  }

  matchesAny(topic: Topic): boolean {
    return this.patterns.matchesAny(topic);
  }

  retainTopic(name: Topic, by: string, reply: Reply<Retained>): void {
    const topic = this.open(name);
    topic.count += 1;
    if (topic.count === 1) {
      topic.by = by;
      if (this.wanted.length === 0) this.parts.scheduler.endOfTurn(() => this.subscribeWanted());
      this.wanted.push(topic);
    }
    if (this.parts.isEphemeral(name)) return reply({ position: null, matched: NOTHING_MATCHED });
    // Messages that come before the subscription stands are found by comparing.
    if (topic.isKnown) return reply({ position: positionOf(topic), matched: NOTHING_MATCHED });
    topic.waiting.push(reply);
  }

  releaseTopic(name: Topic): void {
    const topic = this.topics.get(name);
    if (topic === undefined || topic.count === 0) return;
    topic.count -= 1;
    if (topic.count === 0) this.leave(topic);
  }

  retainPattern(pattern: string, reply: Reply<Retained>): void {
    const followed = this.openPattern(pattern);
    followed.count += 1;
    if (followed.isComplete) return reply({ position: null, matched: this.matchedHere(pattern) });
    followed.waiting.push(reply);
    if (followed.waiting.length > 1) return;
    this.parts.logs.subscribe([], [firstSegment(pattern)], (refused) => {
      if (refused !== null) this.answerPattern(followed, refused, 0);
      else this.list(followed);
    });
  }

  releasePattern(pattern: string): void {
    const followed = this.patterns.get(pattern);
    if (followed === undefined) return;
    followed.count -= 1;
    if (followed.count > 0) return;
    this.patterns.delete(pattern);
    const segment = firstSegment(pattern);
    const siblings = (this.bySegment.get(segment) ?? 1) - 1;
    if (siblings > 0) this.bySegment.set(segment, siblings);
    else {
      this.bySegment.delete(segment);
      this.parts.logs.unsubscribe([], [segment]);
    }
    for (const topic of this.index.matching(pattern))
      if (topic.count === 0 && !this.matchesAny(topic.name)) this.forget(topic);
    this.resting.leave(pattern, (topic) => this.matchesAny(topic));
  }

  /** Lets go of a topic that only patterns bring and that is silent. Ask about all once a second, while the logs answer. */
  restIfDue(topic: FollowedTopic): void {
    if (!this.resting.isDue(topic)) return;
    this.resting.add(topic);
    this.forget(topic);
  }

  /** A topic of which a notice came although it was not followed: a pattern brings it, or nobody wants it any more. */
  found(name: Topic): FollowedTopic | null {
    return this.matchesAny(name) ? this.open(name) : null;
  }

  /** The link was lost and is back: everything is subscribed anew, then compared. */
  renew(): void {
    for (const topic of this.topics.values()) topic.isSubscribed = false;
    const { logs } = this.parts;
    const prefixes = [...this.bySegment.keys()];
    const matched = [...this.topics.values()].filter(({ count, isKnown }) => count === 0 && isKnown);
    if (prefixes.length > 0)
      logs.subscribe([], prefixes, (refused) => {
        if (refused !== null) return;
        this.parts.follower.compare(matched);
        this.resting.compare();
        for (const followed of this.patterns.values()) this.listAgain(followed);
      });
    this.subscribeAll([...this.topics.values()].filter(({ count }) => count > 0));
  }

  /** A topic's position is known, or could not be asked for; or the topic did not exist, and there is no room for it. */
  settled(topic: FollowedTopic, noRoom: Refusal | null): void {
    const { waiting } = topic;
    topic.waiting = [];
    if (waiting.length === 0) return;
    if (topic.isKnown) {
      for (const reply of waiting) reply({ position: positionOf(topic), matched: NOTHING_MATCHED });
      return;
    }
    const unknown = refusal(
      'log_unavailable',
      `expected ${this.parts.logs.store} to say where the topic stands; it did not`,
      1_000,
    );
    for (const reply of waiting) this.refuse(topic, reply, noRoom ?? unknown);
  }

  private refuse(topic: FollowedTopic, reply: Reply<Retained>, refused: Refusal): void {
    this.releaseTopic(topic.name);
    reply(refused);
  }

  private open(name: Topic): FollowedTopic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new FollowedTopic(name);
      this.topics.set(name, topic);
      this.index.set(name, topic);
      const rested = this.resting.take(name);
      if (rested !== undefined) this.parts.follower.begin(topic, rested, rested.top);
    }
    return topic;
  }

  /** A topic that rests goes on, and no notice has said how. */
  private wake(name: Topic): void {
    this.parts.follower.compare([this.open(name)]);
  }

  private openPattern(pattern: string): FollowedPattern {
    const known = this.patterns.get(pattern);
    if (known !== undefined) return known;
    const followed: FollowedPattern = { pattern, count: 0, isComplete: false, waiting: [] };
    this.patterns.set(pattern, followed);
    const segment = firstSegment(pattern);
    this.bySegment.set(segment, (this.bySegment.get(segment) ?? 0) + 1);
    return followed;
  }

  private leave(topic: FollowedTopic): void {
    this.parts.logs.unsubscribe([topic.name], []);
    topic.isSubscribed = false;
    if (!this.matchesAny(topic.name)) this.forget(topic);
  }

  private forget(topic: FollowedTopic): void {
    this.topics.delete(topic.name);
    this.index.delete(topic.name);
    topic.tail?.close();
    topic.isGone = true;
    const { waiting } = topic;
    topic.waiting = [];
    const refused = refusal(
      'log_unavailable',
      `expected interest in the topic to last until ${this.parts.logs.store} answered`,
      100,
    );
    for (const reply of waiting) reply(refused);
  }

  private subscribeWanted(): void {
    const wanted = this.wanted.filter(({ count }) => count > 0);
    this.wanted = [];
    this.subscribeAll(wanted);
  }

  private subscribeAll(topics: readonly FollowedTopic[]): void {
    for (let at = 0; at < topics.length; at += SUBSCRIBE_AT_ONCE) {
      const some = topics.slice(at, at + SUBSCRIBE_AT_ONCE);
      this.parts.logs.subscribe(
        some.map(({ name }) => name),
        [],
        (refused) => this.subscribed(some, refused),
      );
    }
  }

  private subscribed(topics: readonly FollowedTopic[], refused: Refusal | null): void {
    const present = topics.filter((topic) => this.topics.get(topic.name) === topic && topic.count > 0);
    if (refused === null) for (const topic of present) topic.isSubscribed = true;
    const logged = present.filter(({ name }) => !this.parts.isEphemeral(name));
    if (refused === null) this.parts.follower.compare(logged);
    else
      for (const topic of logged) {
        const { waiting } = topic;
        topic.waiting = [];
        for (const reply of waiting) this.refuse(topic, reply, refused);
      }
  }

  private list(followed: FollowedPattern): void {
    this.parts.logs.matching(followed.pattern, MAX_PATTERN_POSITIONS, (answer) => {
      if (isRefusal(answer)) return this.answerPattern(followed, answer, 0);
      const { heads, looked } = answer;
      if (this.patterns.get(followed.pattern) === followed) {
        for (const [name, head] of heads) this.follow(name, head);
        followed.isComplete = heads.size < MAX_PATTERN_POSITIONS;
      }
      this.answerPattern(followed, null, looked);
    });
  }

  /** Topics that were born while nothing was heard are followed from their first message on. */
  private listAgain(followed: FollowedPattern): void {
    const wasComplete = followed.isComplete;
    followed.isComplete = false;
    this.parts.logs.matching(followed.pattern, MAX_LISTED, (answer) => {
      if (isRefusal(answer) || this.patterns.get(followed.pattern) !== followed) return;
      followed.isComplete = answer.heads.size < MAX_LISTED;
      for (const [name, head] of answer.heads) {
        if (this.topics.has(name) || this.resting.get(name) !== undefined) continue;
        // Unless all were known before, this one may be an old one: then it is followed from here on.
        const topic = this.open(name);
        this.parts.follower.begin(topic, head, wasComplete ? 0 : head.top);
        if (wasComplete) this.parts.follower.compare([topic]);
      }
    });
  }

  private follow(name: Topic, head: Head): void {
    if (this.resting.get(name) !== undefined) return;
    const topic = this.open(name);
    if (!topic.isKnown && !topic.isBusy) this.parts.follower.begin(topic, head, head.top);
  }

  private answerPattern(followed: FollowedPattern, refused: Refusal | null, names: number): void {
    const { waiting, pattern } = followed;
    followed.waiting = [];
    const matched = this.matchedHere(pattern);
    const looked = Math.ceil(names / Math.max(1, waiting.length));
    for (const reply of waiting) {
      if (refused === null) reply({ position: null, matched, looked });
      else {
        this.releasePattern(pattern);
        reply(refused);
      }
    }
  }

  private matchedHere(pattern: string): ReadonlyMap<Topic, Position> {
    const matched = new Map<Topic, Position>();
    const hasRoom = (): boolean => matched.size < MAX_PATTERN_POSITIONS;
    this.index.visit(pattern, (topic) => {
      if (topic.isKnown) matched.set(topic.name, positionOf(topic));
      return hasRoom();
    });
    if (hasRoom())
      this.resting.visit(pattern, (name, { epoch, top }) => {
        matched.set(name, { epoch, sequence: top });
        return hasRoom();
      });
    return matched;
  }
}

function positionOf({ epoch, head }: FollowedTopic): Position {
  return { epoch, sequence: head };
}
