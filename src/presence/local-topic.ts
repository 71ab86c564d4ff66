/** Whom this node has in one topic, and the changes that wait to be told to the store. */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import type { Applied, Identity, LeaveReason, PresenceChange, PresenceStore, Touched } from './presence-store.ts';

export type Answered = (answer: Applied | Refusal) => void;

/** One connection in one topic. */
export interface Entry extends Identity {
  data: string;
  /** The connection is gone, and may come back as another one. */
  isClosed: boolean;
}

interface Pending {
  change: PresenceChange;
  readonly replies: Answered[];
}

export interface BatchOptions {
  /** Changes of a topic are collected for so long. */
  readonly batchMs: number;
  /** The same for topics with many members. */
  readonly largeBatchMs: number;
  readonly largeFrom: number;
  /** After a batch that the store did not take. */
  readonly retryMs: number;
}

export interface LocalTopicParts {
  readonly options: BatchOptions;
  readonly store: PresenceStore;
  readonly scheduler: Scheduler;
  /** The run of the node, which may be another one from batch to batch. */
  readonly owner: () => string;
  /** The owner was ended by others: everything has to be told anew, under another one. */
  readonly gone: (owner: string) => void;
  /** Nothing is here and nothing waits. */
  readonly emptied: (topic: Topic) => void;
  readonly told: (change: PresenceChange) => void;
  /** Of a topic of an application: who has come or gone on all nodes together, by what this node has told. */
  readonly touched: (topic: Topic, touched: readonly Touched[]) => void;
}

export class LocalTopic {
  readonly entries = new Map<string, Entry>();
  private readonly pending = new Map<string, Pending>();
  /** Entries that the store may know. */
  private readonly stored = new Set<string>();
  /** By member: looking through all entries for each that enters would take the square of a crowd. */
  private readonly closed = new Map<string, Set<string>>();
  private untold = new Set<string>();
  private wasTaken = false;
  private timer: Timer | null = null;
  private isSending = false;
  /** The store may have taken changes without having said so. */
  private isUnsure = false;
  private count = 0;
  private readonly topic: Topic;
  private readonly parts: LocalTopicParts;

  constructor(topic: Topic, parts: LocalTopicParts) {
    this.topic = topic;
    this.parts = parts;
  }

  /** Whether a change waits or is under way. */
  get isBusy(): boolean {
    return this.isSending || this.pending.size > 0;
  }

  enter(key: string, entry: Entry, answered: Answered | null): void {
    this.entries.set(key, entry);
    const { member, who, data } = entry;
    this.wait(key, { op: 'enter', entry: key, member, who, data }, answered);
  }

  leave(key: string, reason: LeaveReason, answered: Answered | null): void {
    this.reopen(key);
    this.entries.delete(key);
    this.untold.delete(key);
    this.wait(key, { op: 'leave', entry: key, reason }, answered);
  }

  /** Entries of a member whose connections are gone. */
  closedOf(member: string): readonly string[] {
    return [...(this.closed.get(member) ?? [])];
  }

  /** Its connection is gone: it waits for another one of its member, or for the end of its grace. */
  close(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    entry.isClosed = true;
    const keys = this.closed.get(entry.member) ?? new Set();
    this.closed.set(entry.member, keys.add(key));
  }

  /** Whether the store has taken entries of the present owner. */
  get isTaken(): boolean {
    return this.wasTaken;
  }

  /** Whether the store has not yet taken everybody whom the owner before had. */
  get isUntold(): boolean {
    return this.untold.size > 0;
  }

  /** From now on this node is another owner, of whom the store knows nothing. */
  forgetStored(): void {
    this.stored.clear();
    this.wasTaken = false;
    this.untold = new Set(this.entries.keys());
  }

  /** Tells the store of everybody. */
  tellAll(): void {
    for (const [key, { member, who, data }] of this.entries)
      if (!this.stored.has(key)) this.wait(key, { op: 'enter', entry: key, member, who, data }, null);
    this.endIfEmpty();
  }

  /** Sends what waits, now. */
  flush(): void {
    this.timer?.cancel();
    this.timer = null;
    if (this.isSending) return;
    // Members that came and went unseen are nobody's news.
    for (const [key, { change }] of this.pending) if (change.op === 'leave' && !this.stored.has(key)) this.drop(key);
    if (this.pending.size === 0) return this.endIfEmpty();
    this.send([...this.pending]);
  }

  private wait(key: string, change: PresenceChange, answered: Answered | null): void {
    const replies = this.pending.get(key)?.replies ?? [];
    if (answered !== null) replies.push(answered);
    this.pending.set(key, { change, replies });
    this.schedule(
      this.count > this.parts.options.largeFrom ? this.parts.options.largeBatchMs : this.parts.options.batchMs,
    );
  }

  private schedule(ms: number): void {
    if (this.isSending) return;
    this.timer ??= this.parts.scheduler.after(ms, () => this.flush());
  }

  private send(sent: readonly (readonly [string, Pending])[]): void {
    const owner = this.parts.owner();
    this.pending.clear();
    this.isSending = true;
    for (const [key, { change }] of sent) if (change.op === 'enter') this.stored.add(key);
    const changes = sent.map(([, { change }]) => change);
    const isLast = this.entries.size === 0;
    this.parts.store.apply({ topic: this.topic, owner, changes, isLast }, (answer) => {
      this.isSending = false;
      if (answer === 'gone') return this.refused(sent, null, owner);
      if (isRefusal(answer)) return this.refused(sent, answer, owner);
      this.applied(sent, answer, owner);
    });
  }

  private applied(sent: readonly (readonly [string, Pending])[], answer: Applied, owner: string): void {
    this.count = answer.count;
    const { touched } = answer;
    if (touched !== undefined) {
      // What came of a batch whose answer was lost is not known: then everybody whom it was about is told of.
      this.parts.touched(this.topic, this.isUnsure ? touched : touched.filter(({ hasChanged }) => hasChanged));
      this.isUnsure = false;
    }
    if (owner === this.parts.owner()) this.taken(sent);
    for (const [, { change, replies }] of sent) {
      this.parts.told(change);
      for (const reply of replies) reply(answer);
    }
    this.goOn(this.count > this.parts.options.largeFrom ? this.parts.options.largeBatchMs : this.parts.options.batchMs);
  }

  private taken(sent: readonly (readonly [string, Pending])[]): void {
    for (const [key, { change }] of sent) {
      if (change.op === 'enter') this.wasTaken = true;
      else this.stored.delete(key);
      this.untold.delete(key);
    }
    if (this.stored.size === 0) this.wasTaken = false;
  }

  /** Sends changes again that the store did not take, or perhaps took, unless something newer waits. */
  private refused(sent: readonly (readonly [string, Pending])[], refused: Refusal | null, owner: string): void {
    for (const [key, { change, replies }] of sent) {
      const newer = this.pending.get(key);
      const kept = refused === null ? replies : [];
      if (newer !== undefined) newer.replies.unshift(...kept);
      else this.pending.set(key, { change, replies: [...kept] });
      if (refused !== null) for (const reply of replies) reply(refused);
    }
    if (refused === null) this.parts.gone(owner);
    else this.isUnsure = true;
    this.goOn(refused === null ? 0 : this.parts.options.retryMs);
  }

  private goOn(ms: number): void {
    if (this.pending.size > 0) this.schedule(ms);
    else this.endIfEmpty();
  }

  private reopen(key: string): void {
    const entry = this.entries.get(key);
    if (entry?.isClosed !== true) return;
    const keys = this.closed.get(entry.member);
    keys?.delete(key);
    if (keys?.size === 0) this.closed.delete(entry.member);
  }

  private drop(key: string): void {
    const pending = this.pending.get(key);
    this.pending.delete(key);
    if (pending === undefined) return;
    const nowhere = { count: this.count, position: { epoch: '', sequence: 0 } };
    for (const reply of pending.replies) reply(nowhere);
  }

  private endIfEmpty(): void {
    if (this.entries.size > 0 || this.isBusy) return;
    this.timer?.cancel();
    this.parts.emptied(this.topic);
  }
}
