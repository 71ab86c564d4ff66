/** The commands that calls of the broker become, and the names of what they work on. */
import { isDirectTopic, tenantOf, wireName, type Topic } from '../protocol/topic.ts';
import type { Sendable } from '../redis/command-client.ts';
import type { Keys } from '../redis/keys.ts';
import { Arguments } from '../redis/resp.ts';
import { ephemeralText } from './redis-notices.ts';
import type { TopicScripts } from './redis-scripts.ts';
import { userDigest } from './redis-topic-shares.ts';
import type { AppendCall, Makers } from './redis-unknown-topics.ts';
import type { Retention } from './retention.ts';
import type { LogCall } from './topic-logs.ts';

export interface AppendCommandOptions {
  readonly idempotencyWindowMs: number;
  readonly metaTtlMs: number;
  readonly directPerSender: number;
}

/** Behind the record of a message without an idempotency key. */
const WITHOUT_KEY = new Arguments(0, '');

export class AppendCommands {
  private readonly options: AppendCommandOptions;
  private readonly keys: Keys;
  private readonly scripts: TopicScripts;
  private readonly node: string;
  private readonly streamStart: string;
  private readonly metaStart: string;
  private readonly channelStart: string;
  /** What most calls have in common: those for a topic that exists and is no inbox, without idempotency keys. */
  private readonly append: Arguments;
  private readonly settings = new Map<Retention, Arguments>();
  private lastNumber = 0;

  /** @param node names this process among the nodes */
  constructor(options: AppendCommandOptions, keys: Keys, scripts: TopicScripts, node: string) {
    this.options = options;
    this.keys = keys;
    this.scripts = scripts;
    this.node = node;
    this.streamStart = keys.start('stream');
    this.metaStart = keys.start('topic');
    this.channelStart = keys.channelStart('live');
    this.append = new Arguments(scripts.append.digest, 2);
  }

  keysOf(topic: Topic): [string, string] {
    // A node's name of a topic is what stands in the braces of its keys.
    return [`${this.streamStart}${topic}}`, `${this.metaStart}${topic}}`];
  }

  channelOf(topic: Topic): string {
    return `${this.channelStart}${topic}}`;
  }

  /** @param candidate the epoch of topics that begin one */
  of(call: LogCall, candidate: string, makers: Makers | null): Sendable {
    if (call.kind === 'ephemeral') return this.ephemeral(call);
    const [stream, meta] = this.keysOf(call.topic);
    const channel = this.channelOf(call.topic);
    if (call.kind === 'withdraw') return ['EVALSHA', this.scripts.withdraw.digest, 2, stream, meta, channel, call.upTo];
    if (call.kind === 'append') return this.plain(call, candidate, makers) ?? this.any(call, candidate, makers);
    const { messages, bytes, ageMs } = call.retention;
    const epoch = encodeURIComponent(call.epoch);
    const where = [channel, epoch, call.sequence, call.record] as const;
    const keep = [messages, bytes, ageMs, this.ttlOf(call.retention)] as const;
    return ['EVALSHA', this.scripts.owner.digest, 2, stream, meta, ...where, ...keep, call.timestamp];
  }

  /** A single message of the most usual kind; else `null`. */
  private plain({ topic, records, retention }: AppendCall, candidate: string, makers: Makers | null): Sendable | null {
    const [first] = records;
    if (first === undefined || records.length > 1 || first.once !== null || makers !== null || isDirectTopic(topic))
      return null;
    let settings = this.settings.get(retention);
    if (settings === undefined) {
      settings = new Arguments(...this.settingsOf(retention), '', '');
      this.settings.set(retention, settings);
    }
    return [
      'EVALSHA',
      this.append,
      `${this.streamStart}${topic}}`,
      `${this.metaStart}${topic}}`,
      `${this.channelStart}${topic}}`,
      candidate,
      settings,
      first.record,
      WITHOUT_KEY,
    ];
  }

  private any({ topic, records, retention }: AppendCall, candidate: string, makers: Makers | null): Sendable {
    const keys: string[] = this.keysOf(topic);
    const items: (string | number)[] = [];
    for (const { record, once } of records) {
      if (once === null) items.push(record, 0, '');
      else {
        keys.push(this.onceKey(topic, once.key));
        items.push(record, keys.length - 2, once.digest);
      }
    }
    const maker = makers?.get(topic);
    const mayMake = maker === undefined ? '' : `=${maker}`;
    const senders = isDirectTopic(topic)
      ? `${this.options.directPerSender}:${records.map(({ from }) => userDigest(from)).join('')}`
      : '';
    const settings = [this.channelOf(topic), candidate, ...this.settingsOf(retention), mayMake, senders] as const;
    return ['EVALSHA', this.scripts.append.digest, keys.length, ...keys, ...settings, ...items];
  }

  private ephemeral({ topic, record, once }: LogCall & { readonly kind: 'ephemeral' }): Sendable {
    this.lastNumber += 1;
    const text = ephemeralText({ node: this.node, number: this.lastNumber }, record);
    const channel = this.channelOf(topic);
    if (once === null) return ['PUBLISH', channel, text];
    const key = this.onceKey(topic, once.key);
    return ['EVALSHA', this.scripts.once.digest, 1, key, once.digest, this.options.idempotencyWindowMs, channel, text];
  }

  private settingsOf(retention: Retention): readonly number[] {
    const { messages, bytes, ageMs } = retention;
    return [messages, bytes, ageMs, this.ttlOf(retention), this.options.idempotencyWindowMs];
  }

  private ttlOf({ ageMs }: Retention): number {
    return Math.max(this.options.metaTtlMs, ageMs * 2);
  }

  private onceKey(topic: Topic, key: string): string {
    return `${this.keys.key('once', tenantOf(topic), wireName(topic))}:${key}`;
  }
}
