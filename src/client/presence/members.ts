/** The members of a topic, as far as they were told: pages of them, and changes after these. */
import type { Message } from '../items.ts';

export interface Member {
  readonly user: string;
  /** Where each connection is a member of its own. */
  readonly connection?: string;
  /** As the client gave it: nobody has checked it. */
  readonly data: Readonly<Record<string, unknown>>;
}

export type LeaveReason = 'left' | 'expired' | 'node_lost' | 'kicked' | 'not_allowed';

export interface Change extends Omit<Member, 'data'> {
  readonly op: 'enter' | 'update' | 'leave';
  readonly data?: Member['data'];
  readonly reason?: LeaveReason;
}

/** Of `PresenceGet`. */
export interface Page {
  readonly count: number;
  readonly position: { readonly epoch: string; readonly sequence: number };
  /** Missing where there are too many, or the token may only count. */
  readonly members?: readonly (Member & { readonly sequence: number })[];
  readonly next?: string;
}

interface Told {
  readonly changes?: readonly Change[];
  readonly count: number;
}

interface Known {
  readonly member: Member;
  readonly sequence: number;
}

export class Members {
  count = 0;
  /** The map holds everybody; otherwise only the number is known. */
  isComplete = false;
  #known = new Map<string, Known>();
  /** The pages named members: they may do so again. */
  #isListed = false;
  #epoch = '';
  /** Up to where the pages hold everything. */
  #from = 0;

  get all(): readonly Member[] {
    return this.isComplete ? [...this.#known.values()].map(({ member }) => member) : [];
  }

  /** Begins anew with pages that were read one after the other. */
  read(pages: readonly Page[]): void {
    const [first] = pages;
    this.#known = new Map();
    this.#epoch = first?.position.epoch ?? '';
    this.#from = first?.position.sequence ?? 0;
    this.count = pages.at(-1)?.count ?? 0;
    this.#isListed = pages.every(({ members }) => members !== undefined);
    this.isComplete = this.#isListed;
    for (const { members } of pages)
      for (const { user, connection, data, sequence } of members ?? [])
        this.#known.set(keyOf({ user, connection }), { member: memberOf(user, connection, data), sequence });
  }

  /** @returns the changes that were news, or `null` when the pages must be read again */
  take({ payload, sequence, epoch }: Message): readonly Change[] | null {
    const { changes, count } = payload as Told;
    if (epoch === this.#epoch && sequence <= this.#from) return [];
    this.count = count;
    if (changes === undefined) {
      this.isComplete = false;
      this.#known.clear();
      return [];
    }
    if (!this.isComplete) return this.#isListed ? null : [];
    return changes.filter((change) => this.#apply(change, sequence));
  }

  #apply({ op, user, connection, data = {} }: Change, sequence: number): boolean {
    const key = keyOf({ user, connection });
    const known = this.#known.get(key);
    // A page that was read later knows better.
    if (known !== undefined && known.sequence >= sequence) return false;
    if (op === 'leave') return this.#known.delete(key);
    this.#known.set(key, { member: memberOf(user, connection, data), sequence });
    return true;
  }
}

function keyOf({ user, connection }: { readonly user: string; readonly connection?: string | undefined }): string {
  return connection === undefined ? user : `${user} ${connection}`;
}

function memberOf(user: string, connection: string | undefined, data: Member['data']): Member {
  return { user, data, ...(connection !== undefined && { connection }) };
}
