/** What a turn publishes, as one pipeline of script calls. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import { firstSegment, tenantOf, wireName, type Topic } from '../protocol/topic.ts';
import { isFailure, type Command, type Sendable } from '../redis/command-client.ts';
import type { RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Random } from '../telemetry/clock.ts';
import { AppendCommands } from './redis-append-commands.ts';
import { readAppended, readStored } from './redis-replies.ts';
import type { TopicScripts } from './redis-scripts.ts';
import { RedisTopicShares } from './redis-topic-shares.ts';
import { UnknownTopics, type AppendCall, type Makers } from './redis-unknown-topics.ts';
import { inboxFull, type TopicLimits } from './topic-bounds.ts';
import type { LogCall } from './topic-logs.ts';

export interface WaitOptions {
  /** Replicas that must have a message before it is acknowledged. */
  readonly replicas: number;
  readonly timeoutMs: number;
}

export interface AppendCallOptions {
  readonly idempotencyWindowMs: number;
  readonly metaTtlMs: number;
  readonly wait: WaitOptions | null;
  readonly limits: TopicLimits;
}

const NO_MAKERS: Makers = new Map();
/** Calls of a pipeline. */
const PIPELINE_CALLS = 128;
/** Topics remembered as existing, and as being in the index that patterns are resolved by. */
const REMEMBERED_TOPICS = 100_000;

export class AppendCalls {
  readonly shares: RedisTopicShares;
  private readonly unknown: UnknownTopics;
  private readonly crowded: Refusal;
  private readonly indexed = new Set<Topic>();
  private indexedPeriod = 0;
  private readonly options: AppendCallOptions;
  private readonly link: RedisLink;
  private readonly commands: AppendCommands;
  private readonly clock: Clock;
  private readonly random: Random;

  constructor(
    options: AppendCallOptions,
    link: RedisLink,
    scripts: TopicScripts,
    random: Random,
    clock: Clock,
    node: string,
  ) {
    this.options = options;
    this.link = link;
    this.commands = new AppendCommands(
      { ...options, directPerSender: options.limits.directPerSender },
      link.keys,
      scripts,
      node,
    );
    this.random = random;
    this.clock = clock;
    this.crowded = inboxFull(options.limits.directPerSender);
    const keysOf = (topic: Topic): readonly [string, string] => this.keysOf(topic);
    const evicted = (topic: Topic): void => this.leaveIndex(topic);
    this.shares = new RedisTopicShares(options.limits, { link, scripts, clock, keysOf, evicted });
    this.unknown = new UnknownTopics({
      link,
      shares: this.shares,
      metaKey: (topic) => this.keysOf(topic)[1],
      send: (calls, makers) => this.sendAll(calls, makers),
    });
  }

  send(calls: readonly LogCall[]): void {
    const period = this.period();
    if (period !== this.indexedPeriod) this.indexed.clear();
    this.indexedPeriod = period;
    if (calls.every((call) => this.isKnown(call))) return this.sendAll(calls, null);
    this.sendAll(
      calls.filter((call) => this.isKnown(call)),
      null,
    );
    const others = calls.filter((call) => !this.isKnown(call));
    this.sendAll(
      others.filter(({ kind }) => kind !== 'append'),
      NO_MAKERS,
    );
    this.unknown.hold(others.filter((call) => call.kind === 'append'));
  }

  private isKnown({ kind, topic }: LogCall): boolean {
    return (
      kind === 'ephemeral' ||
      kind === 'withdraw' ||
      (this.indexed.has(topic) && (this.unknown.size === 0 || !this.unknown.has(topic)))
    );
  }

  /**
   * Answers come with the last of a pipeline, so a large turn takes several: Redis works while answers are handled.
   * @param makers `null` when all topics are known
   */
  private sendAll(calls: readonly LogCall[], makers: Makers | null): void {
    for (let at = 0; at < calls.length; at += PIPELINE_CALLS)
      this.sendTogether(calls.slice(at, at + PIPELINE_CALLS), makers);
  }

  private sendTogether(calls: readonly LogCall[], makers: Makers | null): void {
    const commands: Sendable[] = makers === null ? [] : this.indexCommands(calls);
    const offset = commands.length;
    const candidate = this.random.id();
    for (const call of calls) commands.push(this.commands.of(call, candidate, makers));
    const { wait } = this.options;
    if (wait !== null) commands.push(['WAIT', wait.replicas, wait.timeoutMs]);
    this.link.write(commands, (results) => {
      for (let at = 0; at < offset; at += 1) {
        if (!isFailure(results[at])) continue;
        // Not in the index, so patterns would not find them: the next message tries again.
        for (const { topic } of calls) this.indexed.delete(topic);
        break;
      }
      const replicas = wait === null ? null : results.at(-1);
      const doubt =
        wait !== null && !isFailure(replicas) && Number(replicas) < wait.replicas
          ? notReplicated(wait, Number(replicas))
          : null;
      const returned: AppendCall[] = [];
      for (const [at, call] of calls.entries()) {
        const result = results[offset + at];
        if (isFailure(result)) call.reply(refused(result));
        else if (isFailure(replicas)) call.reply(refused(replicas));
        else if (call.kind === 'append' && isAbsent(result)) returned.push(call);
        else this.answer(call, result, doubt);
      }
      if (returned.length === 0) return;
      for (const { topic } of returned) this.indexed.delete(topic);
      this.unknown.takeBack(returned);
    });
  }

  private answer(call: LogCall, result: unknown, doubt: Refusal | null): void {
    if (call.kind === 'append') {
      if (this.unknown.size > 0) this.unknown.appended(call.topic);
      this.stored(call, result as (string | number)[], doubt);
    } else if (call.kind === 'owner') call.reply(doubt ?? readAppended(result as string[]));
    else if (call.kind === 'withdraw') call.reply(null);
    else if (result === 'duplicate' || result === 'conflict') call.reply({ outcome: result });
    else call.reply({ outcome: 'published' });
  }

  private stored(call: AppendCall, result: readonly (string | number)[], doubt: Refusal | null): void {
    if (!result.includes('F')) return call.reply(doubt ?? readStored(result, this.crowded));
    this.link.heardElsewhere([this.commands.channelOf(call.topic)], ([isHeard]) => {
      // In a cluster the script does not know who listens by another server: then nothing waits, and the next one is taken.
      if (isHeard === true) this.link.write([['HDEL', this.keysOf(call.topic)[1], 's']], () => {});
      call.reply(doubt ?? readStored(result, isHeard === true ? LISTENING : this.crowded));
    });
  }

  /** Another one may have made room with it: the node that makes it again has to put it there again. */
  private leaveIndex(topic: Topic): void {
    this.indexed.delete(topic);
    const name = wireName(topic);
    this.link.write(
      this.indexKeys(topic).map((key): Command => ['ZREM', key, name]),
      () => {},
    );
  }

  /** The data in Redis may be other data now: topics are put into the index again. */
  forgetIndex(): void {
    this.indexed.clear();
  }

  keysOf(topic: Topic): [string, string] {
    return this.commands.keysOf(topic);
  }

  /**
   * Where the names stand of all logged topics with a pattern's or topic's first segment: an index for each period, as
   * long as topics live. So names of topics that are used no more leave with their period. The next period belongs to
   * nodes whose clock is ahead.
   */
  indexKeys(name: string): string[] {
    const period = this.period();
    return [period + 1, period, period - 1].map((at) => this.indexKey(name, at));
  }

  private indexKey(name: string, period: number): string {
    return this.key('index', `${firstSegment(name)}:${period}`);
  }

  private period(): number {
    return Math.floor(this.clock.now() / this.options.metaTtlMs);
  }

  private key(kind: string, name: string): string {
    return this.link.keys.key(kind, tenantOf(name), wireName(name));
  }

  /** In the same pipeline and before the messages: a pattern finds a topic that it could have missed. */
  private indexCommands(calls: readonly LogCall[]): Command[] {
    const commands: Command[] = [];
    for (const { kind, topic } of calls) {
      if (kind === 'ephemeral' || kind === 'withdraw' || this.indexed.has(topic)) continue;
      if (this.indexed.size >= REMEMBERED_TOPICS) this.indexed.clear();
      this.indexed.add(topic);
      const key = this.indexKey(topic, this.period());
      commands.push(['ZADD', key, 0, wireName(topic)], ['PEXPIRE', key, this.options.metaTtlMs * 3]);
    }
    return commands;
  }
}

const LISTENING = refusal('log_unavailable', 'expected to know that the user listens; it is known now', 100);

/** There is no such topic. */
function isAbsent(result: unknown): boolean {
  return Array.isArray(result) && result.length === 0;
}

function refused({ outcome, code, message }: RedisFailure): Refusal {
  if (outcome === 'unavailable')
    return refusal('log_unavailable', `expected Redis to take the message, got ${code}: ${message}`, 1_000);
  return refusal('outcome_unknown', `expected Redis to say what became of the message, got: ${message}`, 1_000);
}

function notReplicated({ replicas, timeoutMs }: WaitOptions, reached: number): Refusal {
  return refusal(
    'outcome_unknown',
    `expected ${replicas} replicas to have the message within ${timeoutMs} ms (redis.wait_replicas), got ${reached}`,
    1_000,
  );
}
