/**
 * What is published to topics that this node does not know to exist waits here, in its order, until the topic is there:
 * a new one has to be counted first. What exists and is known never comes here.
 */
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import { userDigest, type RedisTopicShares } from './redis-topic-shares.ts';
import type { LogCall } from './topic-logs.ts';

export type AppendCall = LogCall & { readonly kind: 'append' };

/** For whom topics are made that do not exist: what the scripts want to know. */
export type Makers = ReadonlyMap<Topic, string>;

export interface UnknownTopicsParts {
  readonly link: RedisLink;
  readonly shares: RedisTopicShares;
  readonly metaKey: (topic: Topic) => string;
  /** Sends calls whose topics exist, or have a maker. */
  readonly send: (calls: readonly AppendCall[], makers: Makers) => void;
}

interface Waiting {
  /** Calls that found no topic, and those that were not sent. */
  returned: AppendCall[];
  readonly unsent: AppendCall[];
}

/** When a sender that found the topic gone and then there again may repeat the message. */
const AGAIN_MS = 100;

export class UnknownTopics {
  private readonly waiting = new Map<Topic, Waiting>();
  private ready: AppendCall[] = [];
  private makers = new Map<Topic, string>();
  private readonly parts: UnknownTopicsParts;

  constructor(parts: UnknownTopicsParts) {
    this.parts = parts;
  }

  get size(): number {
    return this.waiting.size;
  }

  has(topic: Topic): boolean {
    return this.waiting.has(topic);
  }

  hold(calls: readonly AppendCall[]): void {
    this.keep(calls, (waiting) => waiting.unsent);
  }

  /** Calls that were sent, and there was no such topic any more. */
  takeBack(calls: readonly AppendCall[]): void {
    this.keep(calls, (waiting) => waiting.returned);
  }

  /** A later call found the topic: what came back before would now come after it, so its sender has to repeat it. */
  appended(topic: Topic): void {
    const waiting = this.waiting.get(topic);
    if (waiting === undefined) return;
    const { returned } = waiting;
    waiting.returned = [];
    for (const { reply } of returned)
      reply(refusal('log_unavailable', 'expected the topic to be there, it was just made anew', AGAIN_MS));
  }

  /** Sends what was released. */
  flush(): void {
    if (this.ready.length === 0) return;
    const { ready, makers } = this;
    this.ready = [];
    this.makers = new Map();
    this.parts.send(ready, makers);
  }

  private keep(calls: readonly AppendCall[], listOf: (waiting: Waiting) => AppendCall[]): void {
    const asked: Topic[] = [];
    for (const call of calls) {
      let waiting = this.waiting.get(call.topic);
      if (waiting === undefined) {
        waiting = { returned: [], unsent: [] };
        this.waiting.set(call.topic, waiting);
        asked.push(call.topic);
      }
      listOf(waiting).push(call);
    }
    if (asked.length > 0) this.ask(asked);
  }

  /** By the connection for writes: once it answers, all calls that were sent before have been answered. */
  private ask(topics: readonly Topic[]): void {
    const commands = topics.map((topic): Command => ['HEXISTS', this.parts.metaKey(topic), 'e']);
    this.parts.link.write(commands, (results) => {
      const absent: Topic[] = [];
      for (const [at, topic] of topics.entries()) {
        const result = results[at];
        if (isFailure(result))
          this.refuse(topic, refusal('log_unavailable', `expected Redis to answer: ${result.message}`, 1_000));
        else if (result === 1) this.release(topic, null);
        else absent.push(topic);
      }
      this.make(absent);
      this.flush();
    });
  }

  private make(topics: readonly Topic[]): void {
    if (topics.length === 0) return;
    const wanted = topics.flatMap((topic) => {
      const waiting = this.waiting.get(topic);
      const [first] = waiting === undefined ? [] : [...waiting.returned, ...waiting.unsent];
      // Whatever came back was refused meanwhile.
      if (first === undefined) return this.release(topic, null);
      const by = first.records[0]?.from ?? '';
      const reply = (refused: Refusal | null): void => {
        if (refused === null) this.release(topic, by);
        else this.refuse(topic, refused);
      };
      return [{ topic, by, reply }];
    });
    this.parts.shares.admit(wanted, () => this.flush());
  }

  private release(topic: Topic, by: string | null): [] {
    if (by !== null) this.makers.set(topic, userDigest(by));
    this.ready.push(...this.take(topic));
    return [];
  }

  private refuse(topic: Topic, refused: Refusal): void {
    for (const { reply } of this.take(topic)) reply(refused);
  }

  private take(topic: Topic): AppendCall[] {
    const waiting = this.waiting.get(topic);
    this.waiting.delete(topic);
    return waiting === undefined ? [] : [...waiting.returned, ...waiting.unsent];
  }
}
