/** The members of one topic, and what its readers are told of a batch of changes. Pure: where it is kept is another's. */
import {
  CHANGES_PER_PUBLICATION,
  type CountMode,
  type LeaveReason,
  type MembersRequest,
  type PresenceChange,
  type PresentMember,
  type Touched,
} from './presence-store.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Kept extends Writable<PresentMember> {
  /** Grows from member to member: pages go by it. */
  readonly number: number;
}

/** What a member was before a batch; `null` for nobody. */
interface Before {
  readonly data: string | null;
  readonly who: string;
  reason: LeaveReason;
}

/** Appends to the log of the topic's presence. @returns the sequence */
export type Append = (payload: string) => number;

export class TopicMembers {
  /** Only their number is told. */
  private isCounted = false;
  /** Leaves of a removal under way that are not told yet: its parts are one message to readers of counts. */
  private untold = 0;
  private readonly mode: CountMode;
  private readonly members = new Map<string, Kept>();
  private readonly entries = new Map<string, Map<string, string>>();
  private lastNumber = 0;

  constructor(mode: CountMode) {
    this.mode = mode;
  }

  get count(): number {
    return this.members.size;
  }

  /** Entries of one owner. */
  entriesOf(owner: string): readonly string[] {
    return [...(this.entries.get(owner)?.keys() ?? [])];
  }

  /** @param isPart whether more of the same comes: then counts are told with the last */
  apply(
    owner: string,
    changes: readonly PresenceChange[],
    now: number,
    append: Append,
    isPart = false,
  ): readonly Touched[] {
    const before = new Map<string, Before>();
    for (const change of changes) {
      if (change.op === 'enter') this.enter(owner, change, now, before);
      else this.leave(owner, change.entry, change.reason, before);
    }
    this.tell(before, append, isPart);
    return [...before].map(([member, { data }]) => {
      const isPresent = this.members.has(member);
      return { member, isPresent, hasChanged: isPresent !== (data !== null) };
    });
  }

  page({ after, limit, member, most = Infinity }: MembersRequest): {
    readonly members: PresentMember[];
    readonly next: string | null;
  } {
    if (member !== undefined) {
      const one = this.members.get(member);
      return { members: one === undefined ? [] : [one], next: null };
    }
    if (this.count > most) return { members: [], next: null };
    const start = Number(after === '' ? 0 : after);
    const found: Kept[] = [];
    for (const one of this.members.values()) {
      if (one.number <= start) continue;
      if (found.length === limit) return { members: found, next: String(found.at(-1)?.number) };
      found.push(one);
    }
    return { members: found, next: null };
  }

  private enter(
    owner: string,
    { entry, member, who, data }: PresenceChange & { readonly op: 'enter' },
    now: number,
    before: Map<string, Before>,
  ): void {
    const own = this.entries.get(owner) ?? new Map<string, string>();
    this.entries.set(owner, own);
    const isKnown = own.has(entry);
    own.set(entry, member);
    this.remember(member, who, before);
    const kept = this.members.get(member);
    if (kept !== undefined) {
      kept.data = data;
      if (!isKnown) kept.connections += 1;
      return;
    }
    this.lastNumber += 1;
    const fresh = { member, who, data, connections: 1, since: now, sequence: 0, number: this.lastNumber };
    this.members.set(member, fresh);
  }

  private leave(owner: string, entry: string, reason: LeaveReason, before: Map<string, Before>): void {
    const own = this.entries.get(owner);
    const member = own?.get(entry);
    if (own === undefined || member === undefined) return;
    own.delete(entry);
    if (own.size === 0) this.entries.delete(owner);
    const kept = this.members.get(member);
    if (kept === undefined) return;
    this.remember(member, kept.who, before).reason = reason;
    kept.connections -= 1;
    if (kept.connections === 0) this.members.delete(member);
  }

  private remember(member: string, who: string, before: Map<string, Before>): Before {
    const known = before.get(member) ?? { data: this.members.get(member)?.data ?? null, who, reason: 'left' };
    before.set(member, known);
    return known;
  }

  /** Tells what is different now: members that came and went within the batch are nobody's news. */
  private tell(before: ReadonlyMap<string, Before>, append: Append, isPart: boolean): void {
    const changes: { readonly text: string; readonly kept: Kept | undefined }[] = [];
    let entered = 0;
    let left = 0;
    for (const [member, { data, who, reason }] of before) {
      const kept = this.members.get(member);
      if (kept === undefined) {
        if (data === null) continue;
        left += 1;
        changes.push({ text: `{"op":"leave",${who},"reason":"${reason}"}`, kept });
      } else if (kept.data !== data) {
        if (data === null) entered += 1;
        changes.push({ text: `{"op":"${data === null ? 'enter' : 'update'}",${who},"data":${kept.data}}`, kept });
      }
    }
    if (changes.length === 0 && this.untold === 0) return;
    const wasCounted = this.isCounted;
    if (this.count >= this.mode.from) this.isCounted = true;
    else if (this.count < this.mode.below) this.isCounted = false;
    if (this.isCounted || wasCounted) {
      if (wasCounted && this.isCounted) {
        if (isPart) this.untold += left;
        if (isPart || entered + left + this.untold === 0) return;
      }
      const sequence = append(`{"count":${this.count},"entered":${entered},"left":${left + this.untold}}`);
      this.untold = 0;
      for (const { kept } of changes) if (kept !== undefined) kept.sequence = sequence;
      return;
    }
    for (let at = 0; at < changes.length; at += CHANGES_PER_PUBLICATION) {
      const some = changes.slice(at, at + CHANGES_PER_PUBLICATION);
      const sequence = append(`{"changes":[${some.map(({ text }) => text).join()}],"count":${this.count}}`);
      for (const { kept } of some) if (kept !== undefined) kept.sequence = sequence;
    }
  }
}
