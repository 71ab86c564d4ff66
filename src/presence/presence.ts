/**
 * Presence of the connections of this node. The node's memory is the truth for its own: the store is told of
 * changes in batches, told again what it did not take, and told everything when it has lost something.
 */
import { refusal, type Refusal } from '../protocol/errors.ts';
import { matches, wireName, type Topic } from '../protocol/topic.ts';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Counters } from '../telemetry/counters.ts';
import { ChangeRates, type RateOptions } from './change-rates.ts';
import { LocalTopic, type Answered, type BatchOptions, type Entry, type LocalTopicParts } from './local-topic.ts';
import type { Identity, LeaveReason, PresenceStore, Touched } from './presence-store.ts';

export interface PresenceOptions {
  readonly batches: BatchOptions;
  /** How long somebody whose connection is gone stays present. */
  readonly graceMs: number;
  readonly perConnection: number;
  readonly rates: RateOptions;
}

export interface PresenceParts {
  readonly store: PresenceStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly counters: Counters;
}

/** When everything is told anew, so many topics each so often. */
const TOLD_AT_ONCE = 20;
const TELL_EVERY_MS = 100;

/** A change that comes too soon after others: it is made with the newest, later. */
export type Coalesced = 'coalesced';

/** Told on the node whose word it was. */
export type Watch = (topic: Topic, touched: readonly Touched[]) => void;

interface Grace {
  readonly key: string;
  readonly topic: Topic;
  readonly until: number;
}

export class Presence {
  readonly options: PresenceOptions;
  readonly store: PresenceStore;
  private readonly topics = new Map<Topic, LocalTopic>();
  private readonly byConnection = new Map<string, Set<Topic>>();
  /** In the order of their ends: all are equally long. */
  private graces: Grace[] = [];
  private run = 1;
  private isDraining = false;
  /** Topics that are to be told anew. */
  private untold: Topic[] = [];
  private readonly watches: { readonly prefix: string; readonly told: Watch }[] = [];
  private readonly rates: ChangeRates;
  private readonly instance: string;
  private readonly parts: PresenceParts;
  private readonly topicParts: LocalTopicParts;

  /** @param instance this run of the node, whose lease says that it lives */
  constructor(options: PresenceOptions, parts: PresenceParts, instance: string) {
    this.options = options;
    this.parts = parts;
    this.store = parts.store;
    this.instance = instance;
    this.rates = new ChangeRates(options.rates, parts.clock);
    this.topicParts = {
      options: options.batches,
      store: parts.store,
      scheduler: parts.scheduler,
      owner: () => this.owner,
      gone: (owner) => {
        if (owner === this.owner) this.beginAnew();
      },
      emptied: (topic) => this.topics.delete(topic),
      told: (change) =>
        parts.counters.presenceChanges.add(change.op === 'enter' ? 'enter entered' : `leave ${change.reason}`),
      touched: (topic, touched) => this.touched(topic, touched),
    };
  }

  /** What the store knows this run of the node by. */
  get owner(): string {
    return `${this.instance}.${this.run}`;
  }

  /** Whether it was this node before it told everything anew. */
  wasOwner(owner: string): boolean {
    return owner.startsWith(`${this.instance}.`) && owner !== this.owner;
  }

  /** Connections of this node in topics. */
  get size(): number {
    let sum = 0;
    for (const { entries } of this.topics.values()) sum += entries.size;
    return sum;
  }

  get topicCount(): number {
    return this.topics.size;
  }

  /** Topics with connections of this node in them, and how many. */
  *overview(): IterableIterator<readonly [Topic, number]> {
    for (const [name, { entries }] of this.topics) yield [name, entries.size];
  }

  /** The connections that are present in a topic, or in the topics that a pattern matches. */
  *connectionsIn(filter: Topic): IterableIterator<string> {
    const one = this.topics.get(filter);
    const found = filter.includes('*')
      ? [...this.topics].filter(([topic]) => matches(filter, topic)).map(([, local]) => local)
      : one === undefined
        ? []
        : [one];
    for (const { entries } of found) for (const [key, { isClosed }] of entries) if (!isClosed) yield key;
  }

  topicsOf(key: string): readonly Topic[] {
    return [...(this.byConnection.get(key) ?? [])];
  }

  has(key: string, topic: Topic): boolean {
    return this.byConnection.get(key)?.has(topic) === true;
  }

  /** Enters, or changes the data of a connection that is there. */
  enter(key: string, topic: Topic, identity: Identity, data: string, answered: Answered): Refusal | Coalesced | null {
    const own = this.byConnection.get(key) ?? new Set();
    if (!own.has(topic) && own.size >= this.options.perConnection) return tooMany(this.options.perConnection);
    const entry: Entry = { ...identity, data, isClosed: false };
    const turn = this.rates.take(key, topic, () => {
      if (this.has(key, topic)) this.place(key, topic, entry, null);
    });
    if (turn !== null && turn !== 'later') return turn;
    this.byConnection.set(key, own);
    own.add(topic);
    if (turn === null) {
      this.place(key, topic, entry, answered);
      return null;
    }
    this.parts.counters.presenceCoalesced += 1;
    return 'coalesced';
  }

  /** Leaves at once. */
  leave(key: string, topic: Topic, reason: LeaveReason, answered: Answered | null): void {
    this.forget(key, topic);
    this.rates.cancel(key, topic);
    const local = this.topics.get(topic);
    if (local?.entries.has(key) === true) local.leave(key, reason, answered);
    else answered?.({ count: 0, position: { epoch: '', sequence: 0 } });
  }

  /** The connection is gone. Its user has a while to come back, unless somebody has ended it. */
  closed(key: string, isKicked: boolean): void {
    const own = this.byConnection.get(key);
    if (own === undefined) return;
    this.rates.end(key);
    // Those who leave because the node does are elsewhere in a moment; the others are removed when its lease is over.
    if (this.isDraining && !isKicked) return void this.byConnection.delete(key);
    const until = this.parts.clock.elapsed() + this.options.graceMs;
    for (const topic of own) {
      const local = this.topics.get(topic);
      if (local?.entries.has(key) !== true) continue;
      if (isKicked) local.leave(key, 'kicked', null);
      else {
        local.close(key);
        this.graces.push({ key, topic, until });
      }
    }
    this.byConnection.delete(key);
  }

  /** Call it about once a second. */
  sweep(): void {
    const now = this.parts.clock.elapsed();
    this.rates.sweep();
    if (this.isDraining) return;
    let due = 0;
    for (const { key, topic, until } of this.graces) {
      if (until > now) break;
      due += 1;
      const local = this.topics.get(topic);
      if (local?.entries.get(key)?.isClosed === true) local.leave(key, 'expired', null);
    }
    if (due > 0) this.graces = this.graces.slice(due);
  }

  /** @param prefix of names, without the tenant: topics of an application */
  watch(prefix: string, told: Watch): void {
    this.watches.push({ prefix, told });
  }

  /** Those that watch are told of members that have come or gone, on all nodes together. */
  touched(topic: Topic, touched: readonly Touched[]): void {
    if (touched.length === 0) return;
    const name = wireName(topic);
    for (const { prefix, told } of this.watches) if (name.startsWith(prefix)) told(topic, touched);
  }

  /** From now on nobody leaves because its connection ends. */
  drain(): void {
    this.isDraining = true;
  }

  /** Sends everything that waits. */
  flush(): void {
    for (const local of this.topics.values()) local.flush();
  }

  /** Whether changes wait or are under way. */
  get isBusy(): boolean {
    for (const local of this.topics.values()) if (local.isBusy) return true;
    return false;
  }

  /** Whether the store has taken somebody under the present owner. */
  get isTaken(): boolean {
    for (const { isTaken } of this.topics.values()) if (isTaken) return true;
    return false;
  }

  /** Whether the store has not yet taken everybody whom the owner before had. */
  get isUntold(): boolean {
    for (const { isUntold } of this.topics.values()) if (isUntold) return true;
    return false;
  }

  /** Everything is told again under another owner, a topic at a time: others have their turns between. */
  beginAnew(): void {
    this.run += 1;
    for (const local of this.topics.values()) local.forgetStored();
    this.untold = [...this.topics.keys()];
    this.tellSome();
  }

  private tellSome(): void {
    for (const topic of this.untold.splice(0, TOLD_AT_ONCE)) this.topics.get(topic)?.tellAll();
    if (this.untold.length > 0) this.parts.scheduler.after(TELL_EVERY_MS, () => this.tellSome());
  }

  private place(key: string, topic: Topic, entry: Entry, answered: Answered | null): void {
    const local = this.topics.get(topic) ?? new LocalTopic(topic, this.topicParts);
    this.topics.set(topic, local);
    // In one batch with the new one, so nobody is told; unless the new one leaves before that is sent.
    if (!local.entries.has(key)) for (const old of local.closedOf(entry.member)) local.leave(old, 'left', null);
    local.enter(key, entry, answered);
  }

  private forget(key: string, topic: Topic): void {
    const own = this.byConnection.get(key);
    own?.delete(topic);
    if (own?.size === 0) this.byConnection.delete(key);
  }
}

function tooMany(most: number): Refusal {
  return refusal('topic_limit', `expected at most ${most} topics to be present in (presence.per_connection)`);
}
