/**
 * Whose topics those in Redis are: the bound that all share has one beside it for each tenant and user, and what makes
 * room is the hoarder's own, oldest and unused first. The books are in Redis, in one slot of their own, and are asked only
 * when a topic is made: who publishes to one that exists does not come here.
 */
import { createHash } from 'node:crypto';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { isDirectTopic, tenantOf, wireName, type Topic } from '../protocol/topic.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { TopicScripts } from './redis-scripts.ts';
import {
  boundNames,
  noRoom,
  TOPIC_RETRY_MS,
  topicBounds,
  type BoundNames,
  type TopicBounds,
  type TopicLimits,
} from './topic-bounds.ts';

/** A topic that does not exist, and the user for whom it is to be made. */
export interface NewTopic {
  readonly topic: Topic;
  readonly by: string;
  readonly reply: (refused: Refusal | null) => void;
}

export interface SharesParts {
  readonly link: RedisLink;
  readonly scripts: TopicScripts;
  readonly clock: Clock;
  readonly keysOf: (topic: Topic) => readonly [stream: string, meta: string];
  /** Told of a topic that made room. */
  readonly evicted: (topic: Topic) => void;
}

/** A counted topic that is to be looked at. */
interface Entry {
  readonly topic: Topic;
  readonly user: string;
  readonly isOwn: boolean;
}

/** What was found of a topic; of one that is not in use, what the last look says of how far it has come. */
type State = 'gone' | 'used' | 'dropped' | { readonly looked: string };

/** A topic that could make room, as far as its log was looked through. */
interface Unused {
  readonly entry: Entry;
  readonly looked: string;
}

type Outcome = readonly [topic: Topic, user: string, outcome: 'dropped' | 'gone' | 'used' | 'there'];

/** When a topic is looked at again to see whether it is still there: as long as one lives that never had a message. */
const LOOK_AGAIN_MS = 3_600_000;
/** Topics looked at in one round, and rounds: the last ones look at those of the user who asks. */
const LOOKED_AT = 16;
/** A user who was refused is refused without a look for as long as they were told to wait. */
const REFUSED_USERS = 10_000;
const ROUNDS = 4;
/** Parts of a log that are looked through: one that grows faster than that is in use. */
const MAX_PARTS = 1_000;
const OWN_ROUNDS = 2;

export class RedisTopicShares {
  /** Topics that went to make room. */
  evicted = 0;
  /** Users whose topics make room now; callers that come meanwhile wait in line. */
  private readonly lines = new Map<string, { readonly wanted: NewTopic; readonly done: () => void }[]>();
  /** The refused, what was said to them, and until when it counts, by the monotonic clock. */
  private readonly refused = new Map<string, { readonly refusal: Refusal; readonly until: number }>();
  private readonly shares: TopicLimits;
  private readonly parts: SharesParts;

  constructor(shares: TopicLimits, parts: SharesParts) {
    this.shares = shares;
    this.parts = parts;
  }

  /**
   * Counts topics that are about to be made, or says why there is no room.
   * @param answered called after replies were given, once or more often
   */
  admit(topics: readonly NewTopic[], answered: () => void): void {
    const open = topics.filter((wanted) => {
      const refused = this.refusalOf(lineOf(wanted));
      if (refused !== null) wanted.reply(refused);
      return refused === null;
    });
    if (open.length === 0) return answered();
    const commands = open.map((wanted) => this.command(wanted.topic, [], wanted, 0));
    this.parts.link.write(commands, (results) => {
      for (const [at, wanted] of open.entries()) this.answered(wanted, results[at], answered);
      answered();
    });
  }

  private answered(wanted: NewTopic, result: unknown, answered: () => void): void {
    if (isFailure(result)) return wanted.reply(notCounted(result.message));
    const { full, entries } = readAnswer(result);
    if (full === null) {
      wanted.reply(null);
      return this.lookWhetherGone(entries);
    }
    const key = lineOf(wanted);
    const done = (): void => {
      answered();
      this.next(key);
    };
    const line = this.lines.get(key);
    if (line !== undefined) return void line.push({ wanted, done });
    this.lines.set(key, []);
    this.makeRoom(wanted, full, entries, 1, done);
  }

  private next(key: string): void {
    const first = this.lines.get(key)?.shift();
    if (first === undefined) return void this.lines.delete(key);
    const { wanted, done } = first;
    const refused = this.refusalOf(key);
    if (refused === null) return this.ask(wanted, [], 0, done);
    wanted.reply(refused);
    done();
  }

  private refusalOf(key: string): Refusal | null {
    const refused = this.refused.get(key);
    if (refused === undefined) return null;
    if (this.parts.clock.elapsed() < refused.until) return refused.refusal;
    this.refused.delete(key);
    return null;
  }

  private refuse(wanted: NewTopic, full: keyof TopicBounds): void {
    const { bounds, names } = this.boundsOf(wanted.topic);
    const refused = noRoom(names[full], bounds[full], 'of all nodes');
    if (this.refused.size >= REFUSED_USERS) this.refused.clear();
    const until = this.parts.clock.elapsed() + TOPIC_RETRY_MS;
    this.refused.set(lineOf(wanted), { refusal: refused, until });
    wanted.reply(refused);
  }

  private ask(wanted: NewTopic, outcomes: readonly Outcome[], round: number, done: () => void): void {
    this.parts.link.write([this.command(wanted.topic, outcomes, wanted, round)], ([result]) => {
      if (isFailure(result)) {
        wanted.reply(notCounted(result.message));
        return done();
      }
      const { full, entries } = readAnswer(result);
      if (full !== null) return this.makeRoom(wanted, full, entries, round + 1, done);
      wanted.reply(null);
      done();
    });
  }

  private makeRoom(
    wanted: NewTopic,
    full: keyof TopicBounds,
    entries: readonly Entry[],
    round: number,
    done: () => void,
  ): void {
    if (round > ROUNDS) {
      this.refuse(wanted, full);
      return done();
    }
    this.look(entries, (states) => {
      const unused = entries.flatMap((entry, at): Unused[] => {
        const state = states[at];
        return entry.isOwn && state !== undefined && isUnused(state) ? [{ entry, looked: state.looked }] : [];
      });
      const dropped = unused.slice(0, this.dropsOf(wanted.topic));
      this.drop(dropped, 0, (outcomes) => {
        const left = new Set(dropped.map(({ entry }) => entry));
        const rest = entries.flatMap((entry, at): Outcome[] => {
          const state = states[at];
          if (state === undefined || left.has(entry)) return [];
          if (isUnused(state)) return [];
          return [[entry.topic, entry.user, state === 'gone' || entry.isOwn ? state : 'there']];
        });
        this.ask(wanted, [...outcomes, ...rest], round, done);
      });
    });
  }

  /** Where bounds are large, several go at once, so that not every new topic looks at so many. */
  private dropsOf(topic: Topic): number {
    return Math.min(LOOKED_AT, Math.ceil(this.boundsOf(topic).bounds.perUser / 100));
  }

  private lookWhetherGone(entries: readonly Entry[]): void {
    const [some] = entries;
    if (some === undefined) return;
    this.look(entries, (states) => {
      const outcomes = entries.map(({ topic, user }, at): Outcome => [
        topic,
        user,
        states[at] === 'gone' ? 'gone' : 'there',
      ]);
      this.parts.link.write([this.command(some.topic, outcomes, null, 0)], () => {});
    });
  }

  /** A topic without an answer is in use, for all that is known. Those that are looked at only to find whether they are gone are used. */
  private look(entries: readonly Entry[], done: (states: readonly State[]) => void): void {
    if (entries.length === 0) return done([]);
    const { link } = this.parts;
    const channels = entries.map(({ topic }) => this.channelOf(topic));
    const commands = entries.map((entry) => this.evictCommand(entry, entry.isOwn ? 'look' : 'exists', ''));
    link.heardElsewhere(channels, (heard) => {
      link.write(commands, (results) => {
        done(results.map((result, at) => (heard[at] === true && result !== 'gone' ? 'used' : stateOf(result))));
      });
    });
  }

  /** Looks through what is left of the logs, a part of each with every call, and deletes those that are still unused then. */
  private drop(topics: readonly Unused[], parts: number, done: (outcomes: readonly Outcome[]) => void): void {
    if (topics.length === 0) return done([]);
    const commands = topics.map(({ entry, looked }) => this.evictCommand(entry, 'drop', looked));
    this.parts.link.write(commands, (results) => {
      const longer: Unused[] = [];
      const outcomes: Outcome[] = [];
      for (const [at, { entry }] of topics.entries()) {
        const state = stateOf(results[at]);
        if (isUnused(state) && parts < MAX_PARTS) longer.push({ entry, looked: state.looked });
        else outcomes.push([entry.topic, entry.user, isUnused(state) ? 'used' : state]);
        if (state === 'dropped') this.dropped(entry.topic);
      }
      this.drop(longer, parts + 1, (more) => done([...outcomes, ...more]));
    });
  }

  private dropped(topic: Topic): void {
    this.evicted += 1;
    this.parts.evicted(topic);
  }

  private evictCommand({ topic, user }: Entry, what: 'exists' | 'look' | 'drop', looked: string): Command {
    const [stream, meta] = this.parts.keysOf(topic);
    const maker = [userDigest(user), user, user.length] as const;
    return ['EVALSHA', this.parts.scripts.evict.digest, 2, stream, meta, ...maker, this.channelOf(topic), what, looked];
  }

  private command(of: Topic, outcomes: readonly Outcome[], wanted: NewTopic | null, round: number): Command {
    const { link, scripts, clock } = this.parts;
    const { total, perTenant, perUser } = this.boundsOf(of).bounds;
    const base = `${link.keys.key('shares', '', 'all')}:${isDirectTopic(of) ? 'inboxes' : 'topics'}`;
    // At first as many as are likely to be enough.
    const looked = round === 0 ? Math.min(LOOKED_AT, 2 + 2 * this.dropsOf(of)) : LOOKED_AT;
    const own = round >= ROUNDS - OWN_ROUNDS ? 'own' : '';
    const settings = [clock.now(), LOOK_AGAIN_MS, total, perTenant, perUser, looked, own] as const;
    const counted = wanted === null ? [] : [wanted.topic, wanted.by];
    return ['EVALSHA', scripts.shares.digest, 1, base, ...settings, outcomes.length, ...outcomes.flat(), ...counted];
  }

  private boundsOf(topic: Topic): { readonly bounds: TopicBounds; readonly names: BoundNames } {
    const { shares } = this;
    return isDirectTopic(topic)
      ? { bounds: topicBounds(shares.inboxes, shares), names: boundNames('topics.max_inboxes') }
      : { bounds: topicBounds(shares.maxTopics, shares), names: boundNames('topics.max_topics') };
  }

  private channelOf(topic: Topic): string {
    return this.parts.link.keys.channel('live', tenantOf(topic), wireName(topic));
  }
}

function stateOf(result: unknown): State {
  if (result === 'gone' || result === 'dropped') return result;
  if (result === 'unused') return { looked: '' };
  return typeof result === 'string' && result !== 'used' ? { looked: result } : 'used';
}

function isUnused(state: State): state is { readonly looked: string } {
  return typeof state === 'object';
}

/** A user, for one kind of topics. */
function lineOf({ topic, by }: NewTopic): string {
  return `${isDirectTopic(topic) ? 'inboxes' : 'topics'} ${tenantOf(topic)}/${by}`;
}

/** Eight characters that stand for a user beside a topic: 48 bits. */
export function userDigest(user: string): string {
  return createHash('sha256').update(user).digest('base64url').slice(0, 8);
}

const BOUNDS: Readonly<Record<string, keyof TopicBounds>> = { total: 'total', tenant: 'perTenant', user: 'perUser' };

function readAnswer(result: unknown): { readonly full: keyof TopicBounds | null; readonly entries: readonly Entry[] } {
  const [full = '', ...texts] = result as readonly string[];
  const entries: Entry[] = [];
  for (let at = 0; at + 2 < texts.length; at += 3)
    entries.push({ topic: texts[at] ?? '', user: texts[at + 1] ?? '', isOwn: texts[at + 2] === 'own' });
  return { full: BOUNDS[full] ?? null, entries };
}

function notCounted(why: string): Refusal {
  return refusal('log_unavailable', `expected Redis to count the new topic, got: ${why}`, 1_000);
}
