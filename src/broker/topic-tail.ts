/** The newest messages of a topic that a node follows: replays are served from here, so that the log is not asked. */
import type { Topic } from '../protocol/topic.ts';
import { SegmentLog } from '../segments/segment-log.ts';
import type { SegmentPool } from '../segments/segment-pool.ts';
import type { History, ReadRequest } from './broker.ts';
import { epochAt, type Eras } from './eras.ts';
import { pickUp, publicationOf } from './record.ts';
import type { StoredRecord } from './topic-logs.ts';

export interface TailLimits {
  readonly messages: number;
  readonly bytes: number;
  /** All tails together; above it each that grows gives up its older half. */
  readonly totalBytes: number;
}

export class TopicTail {
  /** Nothing older is in the log either. */
  isWhole: boolean;
  private log: SegmentLog;
  /** A page of the log that was on its way may hold what has been given up. */
  private withdrawnTo = 0;
  private readonly pool: SegmentPool;
  private readonly limits: TailLimits;

  /** Begins empty after `head`. */
  constructor(pool: SegmentPool, limits: TailLimits, head: number) {
    this.pool = pool;
    this.limits = limits;
    this.log = new SegmentLog(pool, head + 1);
    this.isWhole = head === 0;
  }

  get first(): number {
    return this.log.first;
  }

  /** Adds the message after the newest; a jump begins the tail anew. */
  add({ sequence, time, record }: StoredRecord): void {
    const { log } = this;
    if (sequence !== log.next) this.reset(sequence - 1);
    log.append(record, time);
    const { messages, bytes, totalBytes } = this.limits;
    const { first } = log;
    log.trim(this.pool.inUse > totalBytes ? Math.ceil(log.length / 2) : messages, bytes);
    if (log.first > first) this.isWhole = false;
  }

  /**
   * Puts older messages before those that are held. They must end where the tail begins.
   * @param isWhole the log has nothing older
   */
  prepend(read: readonly StoredRecord[], isWhole: boolean): void {
    const older = read.filter(({ sequence }) => sequence > this.withdrawnTo);
    const [oldest] = older;
    if (oldest === undefined) return;
    const present = this.log;
    const joined = new SegmentLog(this.pool, oldest.sequence);
    for (const { record, time } of older) joined.append(record, time);
    for (let sequence = present.first; sequence < present.next; sequence += 1)
      joined.append(present.record(sequence), present.stamp(sequence));
    present.reset(present.next);
    this.log = joined;
    const { first } = joined;
    joined.trim(this.limits.messages, this.limits.bytes);
    this.isWhole = isWhole && older.length === read.length && joined.first === first;
  }

  /** Gives up what it has up to a sequence. */
  withdraw(upTo: number): void {
    this.withdrawnTo = Math.max(this.withdrawnTo, upTo);
    if (upTo < this.log.first) return;
    this.log.dropBefore(upTo + 1);
    this.isWhole = false;
  }

  reset(head: number): void {
    this.log.reset(head + 1);
    this.isWhole = head === 0;
  }

  /** Takes back what is newer than `head`. */
  cutAt(head: number): void {
    if (head + 1 < this.log.next) this.log.truncate(head + 1);
    else if (head + 1 > this.log.next) this.reset(head);
  }

  /** Gives all memory back. */
  close(): void {
    this.log.reset(this.log.next);
  }

  /**
   * The sequence after which a request starts, when the tail can serve it.
   * @param deadline what is older (ms since 1970) counts as gone
   */
  start(after: { readonly sequence: number } | { readonly since: number }, deadline: number): number | null {
    const { log } = this;
    const oldest = this.oldest(deadline);
    if ('sequence' in after) {
      const isHeld =
        after.sequence + 1 >= oldest || this.isWhole || (oldest > log.first && after.sequence + 1 >= log.first);
      return after.sequence < log.next && isHeld ? after.sequence : null;
    }
    const reachesBack = this.isWhole || (log.length > 0 && log.stamp(log.first) < after.since);
    return reachesBack ? Math.max(log.firstSince(after.since), oldest) - 1 : null;
  }

  /** A page of the tail that begins after a sequence that {@link start} gave. */
  page(
    topic: Topic,
    digest: string,
    eras: Eras,
    after: number,
    { before, limit, maxBytes }: ReadRequest,
    deadline: number,
  ): History {
    const { log } = this;
    const first = this.oldest(deadline);
    const low = Math.max(after + 1, first);
    const high = Math.min(before ?? log.next, log.next);
    const last = limit === 0 || low >= high ? low - 1 : log.fit(low - 1, high - 1, limit, maxBytes);
    const publications = Array.from({ length: last - low + 1 }, (_, index) => {
      const sequence = low + index;
      return publicationOf(
        topic,
        digest,
        { epoch: epochAt(sequence, eras), sequence },
        pickUp(log.record(sequence)),
        log.stamp(sequence),
      );
    });
    return { epoch: eras.epoch, epochFirst: eras.first, top: log.next - 1, first, after, lost: null, publications };
  }

  private oldest(deadline: number): number {
    const { log } = this;
    return log.length === 0 || log.stamp(log.first) >= deadline ? log.first : log.firstSince(deadline);
  }
}
