/**
 * Holds the server to its promise (docs/guarantees.md): per subscription ascending sequences without duplicates, and every
 * hole announced before the next publication. Costs two array reads and a comparison per delivery.
 */

interface Hole {
  readonly subscription: number;
  from: number;
  to: number;
}

/** Holes remembered, to tell a late message from a repeated one; beyond, a late message counts as a duplicate. */
const MAX_HOLES = 10_000;
/** Before the first answer or message nothing is known. */
const UNKNOWN = -1;

export interface SequenceVerdict {
  /** What should have come: messages between joining and the end, per subscription. */
  expected: number;
  /** Deliveries, each message once per subscription. */
  received: number;
  /** Never came and nobody said so. */
  lost: number;
  duplicates: number;
  /** Came after a later one. */
  reordered: number;
  /** Gap frames. */
  gaps: number;
  /** Messages that Gap frames announced as missing. */
  announced: number;
  /** Gap frames that cannot say how much is missing: the log is another one. */
  historiesLost: number;
}

function emptyVerdict(): SequenceVerdict {
  return { expected: 0, received: 0, lost: 0, duplicates: 0, reordered: 0, gaps: 0, announced: 0, historiesLost: 0 };
}

export function addVerdicts(verdicts: readonly SequenceVerdict[]): SequenceVerdict {
  const sum = emptyVerdict();
  for (const verdict of verdicts)
    for (const name of Object.keys(sum) as (keyof SequenceVerdict)[]) sum[name] += verdict[name];
  return sum;
}

export class SequenceCheck {
  readonly verdict = emptyVerdict();
  private readonly last: Float64Array;
  private readonly first: Float64Array;
  private readonly holes: Hole[] = [];
  private readonly unaccountable = new Set<number>();

  /** @param subscriptions how many; they are numbered from 0 */
  constructor(subscriptions: number) {
    this.last = new Float64Array(subscriptions).fill(UNKNOWN);
    this.first = new Float64Array(subscriptions).fill(UNKNOWN);
  }

  /** The newest sequence received or announced as missing; -1 before there is one. */
  lastOf(subscription: number): number {
    return this.last[subscription] as number;
  }

  /** The position at which the subscription began. A resume must not move it. */
  joined(subscription: number, sequence: number): void {
    if (this.last[subscription] !== UNKNOWN) return;
    this.last[subscription] = sequence;
    this.first[subscription] = sequence;
  }

  /** @returns whether the message is new */
  delivered(subscription: number, sequence: number): boolean {
    const last = this.last[subscription] as number;
    if (sequence === last + 1) {
      this.last[subscription] = sequence;
      this.verdict.received += 1;
      return true;
    }
    return this.unexpected(subscription, sequence, last);
  }

  /** A topic without sequences: only counts can be checked. */
  deliveredUnnumbered(subscription: number): void {
    this.joined(subscription, 0);
    this.last[subscription] = (this.last[subscription] as number) + 1;
    this.verdict.received += 1;
  }

  /** A Gap frame with a range. A part that it leaves open on either side is a hole like any other. */
  announced(subscription: number, from: number, to: number): void {
    this.verdict.gaps += 1;
    const last = Math.max(0, this.last[subscription] as number);
    if (to <= last) return;
    if (from > last + 1) this.openHole(subscription, last + 1, from - 1);
    this.verdict.announced += to - Math.max(from, last + 1) + 1;
    this.last[subscription] = to;
  }

  /** A Gap frame of a topic without sequences. */
  announcedCount(subscription: number, count: number): void {
    this.joined(subscription, 0);
    this.verdict.gaps += 1;
    this.verdict.announced += count;
    this.last[subscription] = (this.last[subscription] as number) + count;
  }

  /** A Gap frame that says that the log is another one, and after which sequence delivery goes on. */
  historyLost(subscription: number, sequence: number): void {
    this.verdict.gaps += 1;
    this.verdict.historiesLost += 1;
    this.expectUpTo(subscription, this.last[subscription] as number);
    this.last[subscription] = sequence;
    this.first[subscription] = sequence;
  }

  /** Was away from a topic without sequences: nobody can say how much it missed, and nobody promised otherwise. */
  wasAway(subscription: number): void {
    this.unaccountable.add(subscription);
  }

  /** Whether everything up to `head` was received or announced. */
  isComplete(subscription: number, head: number): boolean {
    return (this.last[subscription] as number) >= head || this.unaccountable.has(subscription);
  }

  /**
   * Everything after the last message and up to `head` is lost: to be called once, when nothing more is waited for.
   * A subscription that never joined expects nothing.
   */
  close(subscription: number, head: number): void {
    const last = this.last[subscription] as number;
    if (last === UNKNOWN) return;
    const isChecked = !this.unaccountable.has(subscription);
    this.expectUpTo(subscription, isChecked ? Math.max(head, last) : last);
    if (last >= head || !isChecked) return;
    this.verdict.lost += head - last;
    this.last[subscription] = head;
  }

  private expectUpTo(subscription: number, head: number): void {
    const first = this.first[subscription] as number;
    if (first !== UNKNOWN) this.verdict.expected += head - first;
  }

  private unexpected(subscription: number, sequence: number, last: number): boolean {
    if (last === UNKNOWN) {
      this.joined(subscription, sequence - 1);
      return this.delivered(subscription, sequence);
    }
    if (sequence > last) {
      this.openHole(subscription, last + 1, sequence - 1);
      this.last[subscription] = sequence;
      this.verdict.received += 1;
      return true;
    }
    if (!this.fillHole(subscription, sequence)) {
      this.verdict.duplicates += 1;
      return false;
    }
    this.verdict.lost -= 1;
    this.verdict.reordered += 1;
    this.verdict.received += 1;
    return true;
  }

  private openHole(subscription: number, from: number, to: number): void {
    this.verdict.lost += to - from + 1;
    if (this.holes.length < MAX_HOLES) this.holes.push({ subscription, from, to });
  }

  private fillHole(subscription: number, sequence: number): boolean {
    const at = this.holes.findIndex(
      (hole) => hole.subscription === subscription && hole.from <= sequence && sequence <= hole.to,
    );
    const hole = this.holes[at];
    if (hole === undefined) return false;
    this.holes.splice(at, 1);
    if (hole.from < sequence) this.holes.push({ subscription, from: hole.from, to: sequence - 1 });
    if (sequence < hole.to) this.holes.push({ subscription, from: sequence + 1, to: hole.to });
    return true;
  }
}
