/** Topic logs in Redis: streams, hashes and scripts behind the broker's port. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import { isDirectTopic, type Topic } from '../protocol/topic.ts';
import type { Channels } from '../redis/channels.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Random } from '../telemetry/clock.ts';
import type { ReadRequest, Reply } from './broker.ts';
import { AppendCalls, type WaitOptions } from './redis-append-calls.ts';
import { RedisIndexWalks } from './redis-index-walks.ts';
import { readHead, readPage, readState } from './redis-replies.ts';
import { readNotice, type Origin } from './redis-notices.ts';
import { readTopicScripts } from './redis-scripts.ts';
import { userDigest } from './redis-topic-shares.ts';
import type { TopicLimits } from './topic-bounds.ts';
import type { AskedTopic, Head, LogCall, LogPage, Matching, TopicLogs, TopicLogsListener } from './topic-logs.ts';

export interface RedisTopicLogsOptions {
  readonly idempotencyWindowMs: number;
  /** How long the epoch and counter of an unused topic are kept. */
  readonly metaTtlMs: number;
  readonly wait: WaitOptions | null;
  /** What users may have of topics and inboxes, of all nodes together. */
  readonly limits: TopicLimits;
}

/** Hashes of topics that were never published to are kept so long after somebody last asked. */
const EMPTY_TTL_MS = 3_600_000;

export class RedisTopicLogs implements TopicLogs {
  private listener: TopicLogsListener | null = null;
  private readonly options: RedisTopicLogsOptions;
  private readonly link: RedisLink;
  private readonly random: Random;
  private readonly channels: Channels;
  private readonly scripts = readTopicScripts();
  private readonly calls: AppendCalls;
  private readonly walks: RedisIndexWalks;
  /** Names this process among the nodes, for the length of its life. */
  private readonly node: string;
  private last: { readonly name: string; readonly origin: Origin } | null = null;

  constructor(options: RedisTopicLogsOptions, link: RedisLink, clock: Clock, random: Random) {
    this.options = options;
    this.link = link;
    this.random = random;
    this.node = random.id();
    link.useScripts(...Object.values(this.scripts));
    this.channels = link.channels('live', {
      message: (name, bytes) => this.received(name, bytes),
      reconnected: () => this.listener?.reconnected(),
    });
    this.calls = new AppendCalls(options, link, this.scripts, random, clock, this.node);
    this.walks = new RedisIndexWalks({
      link,
      indexKeys: (pattern) => this.calls.indexKeys(pattern),
      states: (topics, done) => this.states(topics, done),
    });
    link.onAvailable(() => {
      this.calls.forgetIndex();
      this.listener?.available();
    });
  }

  get store(): string {
    return 'Redis';
  }

  get isAvailable(): boolean {
    return this.link.isAvailable;
  }

  async start(listener: TopicLogsListener): Promise<void> {
    this.listener = listener;
    await this.link.start();
  }

  stop(): Promise<void> {
    this.listener = null;
    this.link.stop();
    return Promise.resolve();
  }

  send(calls: readonly LogCall[]): void {
    this.calls.send(calls);
  }

  /** Topics that went to make room. */
  get evicted(): number {
    return this.calls.shares.evicted;
  }

  heads(topics: readonly AskedTopic[], reply: (answer: readonly (Head | Refusal | null)[]) => void): void {
    // A topic that a pattern brings was there a moment ago.
    const commands = topics.map(({ name, by }) => this.headCommand(name, by === '' ? '=' : ''));
    this.link.read(commands, (results) => {
      const answer = results.map(readAsked);
      const absent = topics.flatMap((topic, at) => (answer[at] === undefined ? [{ topic, at }] : []));
      if (absent.length === 0) return reply(answer.map((head) => head ?? null));
      this.begin(absent, answer, () => reply(answer.map((head) => head ?? null)));
    });
  }

  /** Topics that do not exist begin, as far as there is room for them. */
  private begin(
    absent: readonly { readonly topic: AskedTopic; readonly at: number }[],
    answer: (Head | Refusal | null | undefined)[],
    done: () => void,
  ): void {
    const admitted: (typeof absent)[number][] = [];
    let open = absent.length;
    const wanted = absent.map((one) => ({
      topic: one.topic.name,
      by: one.topic.by,
      reply: (refused: Refusal | null): void => {
        if (refused === null) admitted.push(one);
        else answer[one.at] = refused;
        open -= 1;
        if (open === 0) make();
      },
    }));
    const make = (): void => {
      if (admitted.length === 0) return done();
      const commands = admitted.map(({ topic }) => this.headCommand(topic.name, `=${userDigest(topic.by)}`));
      this.link.read(commands, (results) => {
        for (const [at, one] of admitted.entries()) answer[one.at] = readAsked(results[at]);
        done();
      });
    };
    this.calls.shares.admit(wanted, () => {});
  }

  /** @param maker '' when the topic has to exist */
  private headCommand(topic: Topic, maker: string): Command {
    const { digest } = this.scripts.head;
    const lives = [this.options.metaTtlMs, EMPTY_TTL_MS] as const;
    const settings = [this.random.id(), ...lives, maker, isDirectTopic(topic) ? 1 : ''] as const;
    return ['EVALSHA', digest, 2, ...this.keysOf(topic), ...settings];
  }

  read(topic: Topic, request: ReadRequest, ageMs: number, reply: (answer: LogPage | Refusal | null) => void): void {
    const { after, before, limit, maxBytes, reverse } = request;
    const start =
      after === 'earliest'
        ? (['earliest', '', 0] as const)
        : 'since' in after
          ? (['since', '', after.since] as const)
          : (['position', encodeURIComponent(after.epoch), after.sequence] as const);
    const command: Command = [
      'EVALSHA',
      this.scripts.read.digest,
      2,
      ...this.keysOf(topic),
      this.random.id(),
      ...start,
      before ?? '',
      limit,
      maxBytes,
      reverse === true ? 'reverse' : '',
      ageMs,
    ];
    this.link.read([command], ([result]) => {
      reply(isFailure(result) ? refusedRead(result) : readPage(result as string[]));
    });
  }

  standing(topics: readonly Topic[], reply: Reply<ReadonlyMap<Topic, Head>>): void {
    this.states(topics, (states) => reply(isFailure(states) ? refusedRead(states) : states));
  }

  matching(pattern: string, limit: number, reply: Reply<Matching>): void {
    this.walks.find(pattern, limit, (answer) => reply(isFailure(answer) ? refusedRead(answer) : answer));
  }

  subscribe(topics: readonly Topic[], prefixes: readonly string[], reply: (refused: Refusal | null) => void): void {
    this.channels.subscribe(topics, prefixes, (failure) => reply(failure === null ? null : refusedRead(failure)));
  }

  unsubscribe(topics: readonly Topic[], prefixes: readonly string[]): void {
    this.channels.unsubscribe(topics, prefixes);
  }

  /** Where topics stand that exist; nothing begins. */
  private states(topics: readonly Topic[], done: (states: Map<Topic, Head> | RedisFailure) => void): void {
    if (topics.length === 0) return done(new Map());
    const commands = topics.map((topic): Command => ['HMGET', this.keysOf(topic)[1], 'e', 'f', 'n', 'l', 'w']);
    this.link.read(commands, (results) => {
      const failure = results.find(isFailure);
      if (failure !== undefined) return done(failure);
      const states = new Map<Topic, Head>();
      for (const [at, topic] of topics.entries()) {
        const state = readState(results[at] as (string | null)[]);
        if (state !== null) states.set(topic, state);
      }
      done(states);
    });
  }

  private received(name: string, bytes: Buffer): void {
    const notice = readNotice(bytes);
    if (notice === null || this.listener === null) return;
    if (notice.kind !== 'ephemeral') return this.listener.noticed(name, notice);
    const { origin, record } = notice;
    // A topic and a prefix of it bring the same message twice, one directly after the other.
    const isSecond =
      this.last?.name === name && this.last.origin.node === origin.node && this.last.origin.number === origin.number;
    this.last = { name, origin };
    if (origin.node !== this.node && !isSecond) this.listener.noticed(name, { kind: 'ephemeral', record });
  }

  private keysOf(topic: Topic): [string, string] {
    return this.calls.keysOf(topic);
  }
}

/** `undefined` when there is no such topic. */
function readAsked(result: unknown): Head | null | undefined {
  if (isFailure(result)) return null;
  const fields = result as string[];
  return fields.length === 0 ? undefined : readHead(fields);
}

function refusedRead({ message }: RedisFailure): Refusal {
  return refusal('log_unavailable', `expected Redis to answer: ${message}`, 1_000);
}
