/**
 * One topic of the memory broker: its stream's identity and its log. Topics that somebody on this node follows are kept as the
 * JSON frames that most clients are sent: a router's tail shares them, and a page of them needs no printing. The rest is
 * kept as content alone, which is half as long: frames that nobody is sent cost a tenth of a publish (W4).
 */
import { publicationText, readPublication } from '../protocol/json-publication.ts';
import type { Position, Publication } from '../protocol/position.ts';
import { isDirectTopic, topicDigest, type Topic } from '../protocol/topic.ts';
import { SegmentLog } from '../segments/segment-log.ts';
import type { SegmentPool } from '../segments/segment-pool.ts';
import type { Draft, History, ReadRequest } from './broker.ts';
import { FramedPublication } from './framed-publication.ts';
import { ephemeralPublication, layDown, pickUp, publicationOf, type Content } from './record.ts';
import { InboxSenders } from './inbox-senders.ts';
import type { Retention } from './retention.ts';

const OPEN_BRACE = 0x7b;

export class MemoryTopic {
  readonly name: Topic;
  readonly retention: Retention;
  /** The user who made it, of its tenant; '' for the server itself. */
  readonly owner: string;
  /** Of direct messages: the senders of those that wait. */
  readonly senders: InboxSenders | null;
  epoch: string;
  epochFirst = 1;
  /** How often this node's interest in exactly this topic is counted. */
  retained = 0;
  /** Whether a retained pattern matches, as of the pattern set `matchedVersion`. */
  matched = false;
  matchedVersion = -1;
  /** By the monotonic clock, in ms. */
  usedAt: number;
  readonly log: SegmentLog;
  private readonly digest: string;
  private lastTimestamp = 0;
  /** Whether somebody else than its owner has published to it. */
  private isShared = false;

  constructor(name: Topic, owner: string, retention: Retention, epoch: string, pool: SegmentPool, now: number) {
    this.name = name;
    this.owner = owner;
    this.retention = retention;
    this.senders = isDirectTopic(name) && retention.messages > 0 ? new InboxSenders() : null;
    this.epoch = epoch;
    this.digest = topicDigest(name);
    this.log = new SegmentLog(pool, 1);
    this.usedAt = now;
  }

  get isEphemeral(): boolean {
    return this.retention.messages === 0;
  }

  /** Sequence of the newest message, 0 when there never was one. */
  get head(): number {
    return this.log.next - 1;
  }

  get position(): Position {
    return { epoch: this.epoch, sequence: this.head };
  }

  /**
   * Adds the message at the head. The clock may step back; a topic's timestamps do not.
   * @param asFrame whether it is kept as a JSON frame
   */
  append(draft: Draft, now: number, asFrame: boolean): Publication {
    this.lastTimestamp = Math.max(this.lastTimestamp, now);
    if (!this.isShared && draft.from !== this.owner) this.isShared = true;
    const sequence = this.log.next;
    const position = { epoch: this.epoch, sequence };
    const publication = publicationOf(this.name, this.digest, position, draft, this.lastTimestamp);
    this.log.append(asFrame ? publicationText(publication) : layDown(draft), this.lastTimestamp, this.usedAt);
    this.log.trim(this.retention.messages, this.retention.bytes);
    return publication;
  }

  /** A publication that is not stored: no sequence, no id. */
  ephemeral(draft: Draft, now: number): Publication {
    return ephemeralPublication(this.name, draft, now);
  }

  /** Whether the message stored at a sequence has this content. It must be held. */
  holds(sequence: number, draft: Draft): boolean {
    const { from, clientId, trace, payload } = contentOf(this.log.record(sequence));
    return from === draft.from && clientId === draft.clientId && trace === draft.trace && payload === draft.payload;
  }

  /** Whether it holds nothing that anybody but its owner has published. */
  get isOnlyOfOwner(): boolean {
    return !this.isShared || this.log.length === 0;
  }

  /** Takes over an owner's numbering; only while the log is empty. */
  adopt(position: Position): void {
    this.epoch = position.epoch;
    this.epochFirst = 1;
    this.lastTimestamp = 0;
    this.log.reset(position.sequence);
  }

  /** Starts a new stream: what was before is gone. */
  restart(epoch: string): void {
    this.epoch = epoch;
    this.epochFirst = 1;
    this.log.reset(1);
  }

  expire(now: number): void {
    const { log } = this;
    const deadline = now - this.retention.ageMs;
    while (log.length > 0 && log.stamp(log.first) < deadline) log.dropBefore(log.first + 1);
  }

  read(request: ReadRequest): History {
    const { log, epoch, epochFirst } = this;
    const start = this.start(request.after);
    const low = Math.max(start.after + 1, log.first);
    const high = Math.min(request.before ?? log.next, log.next);
    const publications = request.reverse === true ? this.newest(low, high, request) : this.oldest(low, high, request);
    return { epoch, epochFirst, top: this.head, first: log.first, ...start, publications };
  }

  private start(after: ReadRequest['after']): Pick<History, 'after' | 'lost'> {
    const { log } = this;
    if (after === 'earliest') return { after: log.first - 1, lost: null };
    if ('since' in after) return { after: log.firstSince(after.since) - 1, lost: null };
    if (after.epoch !== this.epoch) return { after: this.epochFirst - 1, lost: 'unknown_epoch' };
    return after.sequence > this.head
      ? { after: this.epochFirst - 1, lost: 'history_lost' }
      : { after: after.sequence, lost: null };
  }

  private oldest(low: number, high: number, { limit, maxBytes }: ReadRequest): Publication[] {
    if (limit === 0 || low >= high) return [];
    const last = this.log.fit(low - 1, high - 1, limit, maxBytes);
    return this.stored(low, last);
  }

  private newest(low: number, high: number, { limit, maxBytes }: ReadRequest): Publication[] {
    if (limit === 0 || low >= high) return [];
    let first = high - 1;
    const lowest = Math.max(low, high - limit);
    while (first > lowest && this.log.bytesBetween(first - 2, high - 1) <= maxBytes) first -= 1;
    return this.stored(first, high - 1).toReversed();
  }

  /** Messages that are held, ascending. */
  private stored(from: number, to: number): Publication[] {
    const { log, name, digest, epoch } = this;
    return log.copies(from, to).map((record, at) => {
      const position = { epoch, sequence: from + at };
      const time = log.stamp(from + at);
      return isFrame(record)
        ? new FramedPublication(name, digest, position, time, record)
        : publicationOf(name, digest, position, pickUp(record), time);
    });
  }
}

/** Contents begin with a number, frames with a brace. */
function isFrame(record: Uint8Array): boolean {
  return record[0] === OPEN_BRACE;
}

function contentOf(record: Uint8Array): Content {
  return isFrame(record) ? readPublication(record) : pickUp(record);
}
