/** What a turn publishes, as one pipeline of script calls. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import { firstSegment, tenantOf, wireName, type Topic } from '../protocol/topic.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Random } from '../telemetry/clock.ts';
import { ephemeralText } from './redis-notices.ts';
import { readAppended, readStored } from './redis-replies.ts';
import type { TopicScripts } from './redis-scripts.ts';
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
}

/** Calls of a pipeline. */
const PIPELINE_CALLS = 128;
/** Topics remembered as being in the index that patterns are resolved by. */
const REMEMBERED_TOPICS = 100_000;

export class AppendCalls {
  private readonly indexed = new Set<Topic>();
  private indexedPeriod = 0;
  private readonly options: AppendCallOptions;
  private readonly link: RedisLink;
  private readonly scripts: TopicScripts;
  private readonly random: Random;
  private readonly node: string;
  private readonly clock: Clock;
  private lastNumber = 0;

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
    this.scripts = scripts;
    this.random = random;
    this.node = node;
    this.clock = clock;
  }

  /** Answers come with the last of a pipeline, so a large turn takes several: Redis works while answers are handled. */
  send(calls: readonly LogCall[]): void {
    for (let at = 0; at < calls.length; at += PIPELINE_CALLS) this.sendTogether(calls.slice(at, at + PIPELINE_CALLS));
  }

  private sendTogether(calls: readonly LogCall[]): void {
    const commands: Command[] = this.indexCommands(calls);
    const offset = commands.length;
    const candidate = this.random.id();
    for (const call of calls) commands.push(this.commandOf(call, candidate));
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
      for (const [at, call] of calls.entries()) {
        const result = results[offset + at];
        if (isFailure(result)) call.reply(refused(result));
        else if (isFailure(replicas)) call.reply(refused(replicas));
        else answer(call, result, doubt);
      }
    });
  }

  /** What is in Redis may be another one now: topics are put into the index again. */
  forgetIndex(): void {
    this.indexed.clear();
  }

  keysOf(topic: Topic): [string, string] {
    return [this.key('stream', topic), this.key('topic', topic)];
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
    const period = this.period();
    if (period !== this.indexedPeriod) this.indexed.clear();
    this.indexedPeriod = period;
    for (const { kind, topic } of calls) {
      if (kind === 'ephemeral' || this.indexed.has(topic)) continue;
      if (this.indexed.size >= REMEMBERED_TOPICS) this.indexed.clear();
      this.indexed.add(topic);
      const key = this.indexKey(topic, period);
      commands.push(['ZADD', key, 0, wireName(topic)], ['PEXPIRE', key, this.options.metaTtlMs * 3]);
    }
    return commands;
  }

  /** @param candidate the epoch of topics that begin one */
  private commandOf(call: LogCall, candidate: string): Command {
    const channel = this.link.keys.channel('live', tenantOf(call.topic), wireName(call.topic));
    if (call.kind === 'ephemeral') return this.ephemeralCommand(call, channel);
    const { topic, retention } = call;
    const [stream, meta] = this.keysOf(topic);
    const { messages, bytes, ageMs } = retention;
    const ttl = Math.max(this.options.metaTtlMs, ageMs * 2);
    if (call.kind === 'owner') {
      const epoch = encodeURIComponent(call.epoch);
      const where = [channel, epoch, call.sequence, call.record] as const;
      const keep = [messages, bytes, ageMs, ttl] as const;
      return ['EVALSHA', this.scripts.owner.digest, 2, stream, meta, ...where, ...keep, call.timestamp];
    }
    const keys = [stream, meta];
    const items: (string | number)[] = [];
    for (const { record, once } of call.records) {
      if (once === null) items.push(record, 0, '');
      else {
        keys.push(`${this.key('once', topic)}:${once.key}`);
        items.push(record, keys.length - 2, once.digest);
      }
    }
    const window = this.options.idempotencyWindowMs;
    const settings = [channel, candidate, messages, bytes, ageMs, ttl, window] as const;
    return ['EVALSHA', this.scripts.append.digest, keys.length, ...keys, ...settings, ...items];
  }

  private ephemeralCommand(
    { topic, record, once }: LogCall & { readonly kind: 'ephemeral' },
    channel: string,
  ): Command {
    this.lastNumber += 1;
    const text = ephemeralText({ node: this.node, number: this.lastNumber }, record);
    if (once === null) return ['PUBLISH', channel, text];
    const key = `${this.key('once', topic)}:${once.key}`;
    return ['EVALSHA', this.scripts.once.digest, 1, key, once.digest, this.options.idempotencyWindowMs, channel, text];
  }
}

function answer(call: LogCall, result: unknown, doubt: Refusal | null): void {
  if (call.kind === 'append') call.reply(doubt ?? readStored(result as (string | number)[]));
  else if (call.kind === 'owner') call.reply(doubt ?? readAppended(result as string[]));
  else if (result === 'duplicate' || result === 'conflict') call.reply({ outcome: result });
  else call.reply({ outcome: 'published' });
}

function refused({ outcome, code, message }: RedisFailure): Refusal {
  if (outcome === 'unavailable')
    return refusal('log_unavailable', `expected Redis to take the message, got ${code}: ${message}`, 1_000);
  return refusal('outcome_unknown', `expected Redis to say what became of the message, got: ${message}`, 1_000);
}

function notReplicated({ replicas, timeoutMs }: WaitOptions, reached: number): Refusal {
  return refusal(
    'outcome_unknown',
    `expected ${replicas} replicas to have the message within ${timeoutMs} ms (redis.wait_replicas), ${reached} have`,
    1_000,
  );
}
