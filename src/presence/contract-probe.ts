/** What the contract of stores of presence asks a store with: the port, and what readers of the log were told. */
import { isRefusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Applied, CountMode, LeaveReason, MembersPage, PresenceChange, PresenceStore } from './presence-store.ts';

export interface PresenceStoreUnderTest {
  readonly store: PresenceStore;
  /** The messages of a topic's presence, and where its log stands. */
  log(topic: Topic): Promise<{ readonly position: Position; readonly payloads: readonly unknown[] }>;
  dispose(): Promise<void>;
}

export type MakePresenceStore = (mode: CountMode) => Promise<PresenceStoreUnderTest>;

export const T = 'chat.lobby';
export const A = 'node-a.1';
export const B = 'node-b.1';

export function enter(entry: string, user: string, data = '{}'): PresenceChange {
  return { op: 'enter', entry, member: user, who: JSON.stringify({ user }).slice(1, -1), data };
}

export function leave(entry: string, reason: LeaveReason = 'left'): PresenceChange {
  return { op: 'leave', entry, reason };
}

export class Probe {
  readonly under: PresenceStoreUnderTest;

  constructor(under: PresenceStoreUnderTest) {
    this.under = under;
  }

  apply(owner: string, changes: readonly PresenceChange[], topic = T): Promise<Applied | 'gone'> {
    return new Promise((resolve, reject) => {
      this.under.store.apply({ topic, owner, changes, isLast: false }, (answer) =>
        answer !== 'gone' && isRefusal(answer) ? reject(new Error(answer.message)) : resolve(answer),
      );
    });
  }

  ask<R>(question: (store: PresenceStore, reply: (answer: R) => void) => void): Promise<R> {
    return new Promise((resolve) => question(this.under.store, resolve));
  }

  async page(after = '', limit = 1_000, member?: string): Promise<MembersPage> {
    const request = { after, limit, member };
    const answer = await this.ask<Parameters<Parameters<PresenceStore['members']>[2]>[0]>((store, reply) =>
      store.members(T, request, reply),
    );
    if (isRefusal(answer)) throw new Error(answer.message);
    return answer;
  }

  async members(): Promise<string[]> {
    return (await this.page()).members.map(({ member }) => member).sort();
  }

  async told(): Promise<readonly unknown[]> {
    return (await this.under.log(T)).payloads;
  }

  remove(owner: string): Promise<unknown> {
    return this.ask((store, reply) => store.remove(owner, T, 'node_lost', reply));
  }
}

/** As docs/presence.md tells readers to go: pages first, then the changes after them, and pages again after counts. */
export class Reader {
  readonly members = new Map<string, { readonly data: string; readonly sequence: number }>();
  /** Pages that were read until the members were known. */
  pages = 0;
  private sequence = 0;
  private after: string | null = null;
  private isStale = true;
  private readonly probe: Probe;

  constructor(probe: Probe) {
    this.probe = probe;
  }

  /** Begins to page anew. */
  async begin(): Promise<void> {
    this.members.clear();
    this.sequence = (await this.probe.under.log(T)).position.sequence;
    this.after = '';
    this.isStale = false;
  }

  /** Reads a page, if there is another. @returns whether there are more */
  async page(limit: number): Promise<boolean> {
    if (this.after === null) return false;
    this.pages += 1;
    const { members, next } = await this.probe.page(this.after, limit);
    for (const { member, data, sequence } of members) this.members.set(member, { data, sequence });
    this.after = next;
    return next !== null;
  }

  /** Applies what was told since. */
  async readOn(): Promise<void> {
    const { position, payloads } = await this.probe.under.log(T);
    const first = position.sequence - payloads.length + 1;
    for (const [at, payload] of payloads.entries()) {
      const sequence = first + at;
      if (sequence > this.sequence) this.apply(payload as Told, sequence);
    }
    this.sequence = position.sequence;
  }

  /** Everybody who is there, as far as this reader knows. */
  async known(limit: number): Promise<ReadonlyMap<string, string>> {
    await this.readOn();
    for (let round = 0; this.isStale && round < 3; round += 1) {
      await this.begin();
      while (await this.page(limit));
      await this.readOn();
    }
    return inOrder([...this.members].map(([member, { data }]) => [member, data]));
  }

  private apply({ changes }: Told, sequence: number): void {
    if (changes === undefined) this.isStale = true;
    for (const { op, user, data } of changes ?? []) {
      if ((this.members.get(user)?.sequence ?? 0) >= sequence) continue;
      if (op === 'leave') this.members.delete(user);
      else this.members.set(user, { data: JSON.stringify(data), sequence });
    }
  }
}

/** So that two of them can be compared. */
export function inOrder(members: readonly (readonly [member: string, data: string])[]): ReadonlyMap<string, string> {
  return new Map(members.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

interface Told {
  readonly changes?: readonly { readonly op: string; readonly user: string; readonly data?: unknown }[];
}
