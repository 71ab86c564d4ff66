/**
 * Presence in Redis. Everything of a topic is in the slot of its log `@presence.…`. Where an owner has somebody
 * stands in an index that is written first: a node that finds the owner dead finds everything that it left.
 */
import type { Reply } from '../broker/broker.ts';
import type { Retention } from '../broker/retention.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { isAppTopic, presenceTopic, tenantOf, wireName, type Topic } from '../protocol/topic.ts';
import { isFailure, type Command, type Results } from '../redis/command-client.ts';
import type { RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import { readScript, type Script } from '../redis/script.ts';
import type { Random } from '../telemetry/clock.ts';
import {
  CHANGES_PER_PUBLICATION,
  REMOVED_AT_ONCE,
  type Applied,
  type CountMode,
  type LeaveReason,
  type MembersPage,
  type MembersRequest,
  type Overview,
  type PresenceBatch,
  type PresenceChange,
  type PresenceStore,
  type PresentMember,
  type Removed,
  type Touched,
} from './presence-store.ts';

export interface RedisPresenceOptions {
  readonly mode: CountMode;
  readonly retention: Retention;
  readonly metaTtlMs: number;
}

/** Longer than a call can be under way. */
const TOMBSTONE_MS = 600_000;
/** One node removes an owner at a time; two of them would only do it twice. */
const LOCK_MS = 10_000;

export class RedisPresenceStore implements PresenceStore {
  private readonly change: Script;
  private readonly page: Script;
  private readonly owners: Script;
  /** Topics that stand in the index of an owner. */
  private readonly indexed = new Map<string, Set<Topic>>();
  private readonly options: RedisPresenceOptions;
  private readonly link: RedisLink;
  private readonly random: Random;

  /** Before the link starts. */
  constructor(options: RedisPresenceOptions, link: RedisLink, random: Random) {
    this.options = options;
    this.link = link;
    this.random = random;
    const file = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url);
    this.change = readScript(true, new URL('../broker/lua/topic.lua', import.meta.url), file('change'));
    this.page = readScript(false, file('members'));
    this.owners = readScript(true, file('owners'));
    link.useScripts(this.change, this.page, this.owners);
  }

  apply(batch: PresenceBatch, reply: Reply<Applied | 'gone'>): void {
    const { owner, topic } = batch;
    if (this.indexed.get(owner)?.has(topic) === true) return this.send(batch, reply);
    const commands: Command[] = [
      ['ZADD', this.indexKey(owner), 0, topic],
      ['ZADD', this.ownersKey(), 'NX', 0, owner],
    ];
    this.link.write(commands, (results) => {
      const failure = results.find(isFailure);
      if (failure !== undefined) return reply(unavailable(failure));
      const known = this.indexed.get(owner) ?? new Set();
      this.indexed.set(owner, known);
      known.add(topic);
      this.send(batch, reply);
    });
  }

  members(topic: Topic, request: MembersRequest, reply: Reply<MembersPage>): void {
    const { after, limit, member = '', most = Number.MAX_SAFE_INTEGER } = request;
    const [, meta, members, state] = this.keysOf(topic);
    const cursor = /^\d{1,20}$/.test(after) ? after : '0';
    const call: Command = ['EVALSHA', this.page.digest, 3, meta, members, state, cursor, limit, member, most];
    this.link.read([call], ([answer]) => {
      if (isFailure(answer)) return reply(unavailable(answer));
      const [epoch = '', sequence, count, next = '0', ...parts] = answer as readonly string[];
      const found: PresentMember[] = [];
      for (let at = 0; at < parts.length; at += 2) found.push(readMember(parts[at] ?? '', parts[at + 1] ?? ''));
      reply({
        count: Number(count),
        position: { epoch: decodeURIComponent(epoch), sequence: Number(sequence) },
        members: found,
        next: next === '0' ? null : next,
      });
    });
  }

  counts(topics: readonly Topic[], reply: Reply<readonly number[]>): void {
    const calls = topics.map((topic): Command => ['HGET', this.keysOf(topic)[3], 'c']);
    this.link.read(calls, (results) => {
      const failure = results.find(isFailure);
      reply(failure === undefined ? results.map(Number) : unavailable(failure));
    });
  }

  look(reply: Reply<Overview>): void {
    const keys = [this.ownersKey(), `${this.ownersKey()}:era`] as const;
    this.link.write([['EVALSHA', this.owners.digest, 2, ...keys, this.random.id()]], ([answer]) => {
      if (isFailure(answer)) return reply(unavailable(answer));
      const [era = '', ...parts] = answer as readonly string[];
      const found: { readonly owner: string; readonly isEnding: boolean }[] = [];
      for (let at = 0; at < parts.length; at += 2)
        found.push({ owner: parts[at] ?? '', isEnding: parts[at + 1] === '1' });
      const instances = [...new Set(found.map(({ owner }) => instanceOf(owner)))];
      const leases = instances.map((instance): Command => ['PTTL', this.link.keys.key('node', '', instance)]);
      this.link.read(leases, (results) => this.looked(era, found, instances, results, reply));
    });
  }

  end(owner: string, reply: Reply<boolean>): void {
    this.indexed.delete(owner);
    const commands: Command[] = [
      ['ZADD', this.ownersKey(), 'XX', 1, owner],
      ['SET', `${this.indexKey(owner)}:lock`, '1', 'NX', 'PX', LOCK_MS],
    ];
    this.link.write(commands, (results) => {
      const failure = results.find(isFailure);
      reply(failure === undefined ? results[1] === 'OK' : unavailable(failure));
    });
  }

  topicsOf(owner: string, limit: number, reply: Reply<readonly Topic[]>): void {
    this.link.write([['ZRANGE', this.indexKey(owner), 0, limit - 1]], ([answer]) =>
      reply(isFailure(answer) ? unavailable(answer) : (answer as readonly Topic[])),
    );
  }

  remove(owner: string, topic: Topic, reason: LeaveReason, reply: Reply<Removed>): void {
    this.link.write([this.call(owner, topic, ['remove', reason, REMOVED_AT_ONCE, TOMBSTONE_MS])], ([answer]) => {
      if (isFailure(answer)) return reply(unavailable(answer));
      const [, , , removed, more, ...named] = answer as readonly (string | number)[];
      const isMore = Number(more) === 1;
      const done = { removed: Number(removed), isMore, ...touchedIn(topic, named) };
      if (isMore) return reply(done);
      this.link.write([['ZREM', this.indexKey(owner), topic]], () => reply(done));
    });
  }

  forget(owner: string): void {
    this.link.write(
      [
        ['ZREM', this.ownersKey(), owner],
        ['DEL', `${this.indexKey(owner)}:lock`],
      ],
      () => {},
    );
  }

  private send(batch: PresenceBatch, reply: Reply<Applied | 'gone'>): void {
    const { owner, topic, changes, isLast } = batch;
    this.link.write([this.call(owner, topic, ['apply', ...changes.flatMap(argumentsOf)])], ([answer]) => {
      if (isFailure(answer)) return reply(unavailable(answer));
      const [epoch, sequence, count, , , ...named] = answer as readonly string[];
      if (epoch === undefined) return reply('gone');
      if (isLast) this.leaveIndex(owner, topic);
      reply({
        count: Number(count),
        position: { epoch: decodeURIComponent(epoch), sequence: Number(sequence) },
        ...touchedIn(topic, named),
      });
    });
  }

  private call(owner: string, topic: Topic, args: readonly (string | number)[]): Command {
    const keys = this.keysOf(topic);
    const own = `${keys[3]}:${owner}`;
    const { messages, bytes, ageMs } = this.options.retention;
    const { from, below } = this.options.mode;
    const name = presenceTopic(topic);
    const channel = this.link.keys.channel('live', tenantOf(name), wireName(name));
    const ttl = Math.max(this.options.metaTtlMs, ageMs * 2);
    const isNamed = isAppTopic(topic) ? 1 : 0;
    const told = [
      channel,
      this.random.id(),
      messages,
      bytes,
      ageMs,
      ttl,
      from,
      below,
      CHANGES_PER_PUBLICATION,
      isNamed,
    ];
    return ['EVALSHA', this.change.digest, 6, ...keys, own, `${own}:gone`, ...told, ...args];
  }

  private looked(
    era: string,
    found: readonly { readonly owner: string; readonly isEnding: boolean }[],
    instances: readonly string[],
    leases: Results,
    reply: Reply<Overview>,
  ): void {
    const failure = leases.find(isFailure);
    if (failure !== undefined) return reply(unavailable(failure));
    const live = new Set(instances.filter((_, at) => Number(leases[at]) > -2));
    reply({ era, owners: found.map((one) => ({ ...one, isLive: live.has(instanceOf(one.owner)) })) });
  }

  /** The owner comes into the index again with its next batch, before that is sent. */
  private leaveIndex(owner: string, topic: Topic): void {
    this.indexed.get(owner)?.delete(topic);
    this.link.write([['ZREM', this.indexKey(owner), topic]], () => {});
  }

  private keysOf(topic: Topic): readonly [stream: string, meta: string, members: string, state: string] {
    const name = presenceTopic(topic);
    const key = (kind: string): string => this.link.keys.key(kind, tenantOf(name), wireName(name));
    return [key('stream'), key('topic'), key('members'), key('presence')];
  }

  private indexKey(owner: string): string {
    return this.link.keys.key('presences', '', owner);
  }

  private ownersKey(): string {
    return this.link.keys.key('presences', '', 'all');
  }
}

function argumentsOf(change: PresenceChange): readonly string[] {
  if (change.op === 'leave') return ['l', change.entry, change.reason, '', ''];
  return ['e', change.entry, change.member, change.who, change.data];
}

/** As the script lays them down: member, present, changed. */
function touchedIn(topic: Topic, named: readonly (string | number)[]): Pick<Applied, 'touched'> {
  if (!isAppTopic(topic)) return {};
  const touched: Touched[] = [];
  for (let at = 0; at < named.length; at += 3)
    touched.push({
      member: String(named[at]),
      isPresent: Number(named[at + 1]) === 1,
      hasChanged: Number(named[at + 2]) === 1,
    });
  return { touched };
}

function readMember(member: string, value: string): PresentMember {
  const [, connections, since, sequence, length, rest = ''] = /^(\d+) (\d+) (\d+) (\d+) ([^]*)$/.exec(value) ?? [];
  // The length counts bytes, as the script does.
  const bytes = Buffer.from(rest, 'utf8');
  const who = bytes.subarray(0, Number(length)).toString('utf8');
  const data = bytes.subarray(Number(length)).toString('utf8');
  return { member, who, data, connections: Number(connections), since: Number(since), sequence: Number(sequence) };
}

/** `<instance>.<run>`. */
function instanceOf(owner: string): string {
  return owner.slice(0, owner.lastIndexOf('.'));
}

function unavailable({ outcome, message }: RedisFailure): Refusal {
  const reason = outcome === 'unavailable' ? 'log_unavailable' : 'outcome_unknown';
  return refusal(reason, `expected Redis to know who is present, got: ${message}`, 1_000);
}
