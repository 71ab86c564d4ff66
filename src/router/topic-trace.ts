/**
 * The traced messages of one topic, found by sequence: what happens to messages happens to ranges of sequences. A topic
 * that is not traced has none of these, so a range costs the hot path one look at `null`.
 */
import { hash } from 'node:crypto';
import { joinParts } from '../protocol/parts.ts';
import { messageTime, type Position, type Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { End, EndCause, MessageTrace, Stages, TracedMessage, TraceOwner } from '../telemetry/message-trace.ts';
import { LAGGING, type Subscription } from './subscription.ts';

/** What the publisher's side knows: when the frame or request came, and when it had been checked. In ms since 1970. */
export type PublishTimes = Required<Pick<Stages, 'received' | 'validated'>>;

/** What a message is besides its place. */
export type Content = Pick<Publication, 'from' | 'clientId' | 'payload'>;

export class TopicTrace {
  readonly topic: Topic;
  /** The router serves the topic. Else only its publishers are heard of. */
  isOpen = false;
  /** Messages of the current epoch, and of older ones below its first. */
  private readonly bySequence = new Map<number, TracedMessage>();
  private epoch = '';
  /** Messages of another epoch: publishers can hear of one before the router does, or long after. */
  private strays: Set<TracedMessage> | null = null;
  /** The newest sequence that was replayed as older than the trace: recipients up to it are not written down. */
  private passed = 0;
  /** The newest sequence that was routed or replayed, under whichever epoch: what is routed above it is new. */
  private newest = 0;
  /** Since when the topic is traced, in ms since 1970. */
  private readonly since: number;
  private readonly ring: MessageTrace;
  private readonly clock: Clock;

  constructor(topic: Topic, since: number, ring: MessageTrace, clock: Clock) {
    this.topic = topic;
    this.since = since;
    this.ring = ring;
    this.clock = clock;
  }

  get isEmpty(): boolean {
    return this.bySequence.size === 0 && this.strays === null;
  }

  // What the router knows

  /** The router knows where the topic stands. */
  startAt(epoch: string): void {
    if (this.epoch === epoch) return;
    // A late answer can be about an older epoch, and then the newer one is entered again: its messages are kept aside.
    for (const message of this.bySequence.values()) this.setAside(message);
    this.bySequence.clear();
    this.passed = 0;
    this.enter(epoch);
  }

  /** The epoch has changed: later messages of the old one than `first` are gone, and their numbers are used again. */
  cut(epoch: string, first: number, routedHead: number, subscriptions: readonly Subscription[]): void {
    for (const { state, written, owner } of subscriptions) {
      if (state === LAGGING) this.ended(Math.max(written, first - 1), routedHead, owner, 'lost');
    }
    for (const sequence of this.bySequence.keys()) if (sequence >= first) this.bySequence.delete(sequence);
    this.passed = Math.min(this.passed, first - 1);
    this.enter(epoch);
  }

  /** A publication was put into the tail. Ephemeral ones have no id to be found by. */
  routed(publication: Publication, subscriptions: number): void {
    const { position } = publication;
    if (position === null) return;
    const message = this.known(publication.id, position, publication) ?? this.take(publication, position);
    this.newest = Math.max(this.newest, position.sequence);
    if (message === null) return;
    message.stages.routed ??= this.clock.now();
    message.subscriptions ??= subscriptions;
  }

  /** Messages after `after` up to `to` were counted into mailboxes. */
  queued(after: number, to: number): void {
    const now = this.clock.now();
    this.forEach(after, to, ({ stages }) => {
      stages.queued ??= now;
    });
  }

  // What connections know

  /** Messages after `after` up to `to` ended like this for a connection. */
  ended(after: number, to: number, owner: TraceOwner, end: End, cause: EndCause | null = null): void {
    const at = this.clock.now();
    const gap = end === 'gap' ? ([after + 1, to] as const) : null;
    this.forEach(after, to, (message) => this.ring.end(message, owner, end, at, cause, gap));
  }

  /**
   * A page of the log goes out to a connection. Messages of which no notice came here are traced from then on, unless
   * they are older than the trace: a replay of a long history must not push out what is being looked at.
   */
  replayed(page: readonly Publication[], owner: TraceOwner, cause: EndCause | null = null): void {
    const at = this.clock.now();
    for (const publication of page) {
      const message = this.known(publication.id, publication.position, publication) ?? this.learn(publication);
      this.newest = Math.max(this.newest, publication.position?.sequence ?? 0);
      if (message !== null) this.ring.end(message, owner, 'replayed', at, cause);
    }
  }

  // What publishers know

  /** The log has taken a message. Its notice may come earlier, later or, when nobody listens here, not at all. */
  stored(id: string, position: Position, content: Content, times: PublishTimes): void {
    if (!this.isOpen) this.startAt(position.epoch);
    const timestamp = messageTime(id) ?? times.validated;
    const known = this.known(id, position, content);
    const isLate = this.ring.find(id) !== undefined || timestamp <= this.ring.evictedUntil;
    // The log's clock can be behind ours: then a replay that was quicker than this answer took the message for an old one.
    const isPassed = timestamp < this.since && position.sequence <= this.passed;
    if (known === null && (isLate || isPassed)) return;
    Object.assign((known ?? this.add(id, position, { ...content, timestamp })).stages, times);
  }

  // What the ring knows

  /** The message has left the ring. */
  forget(message: TracedMessage): void {
    if (this.bySequence.get(message.sequence) === message) this.bySequence.delete(message.sequence);
    this.settle(message);
  }

  /**
   * The message with this id, wherever the stream has gone on since. Another one can only have it when a stream began
   * anew within the same millisecond; which epochs go on which the broker knows, and not always: so what it says decides.
   */
  private known(id: string, position: Position | null, content: Content): TracedMessage | null {
    const message = this.ring.find(id);
    if (message === undefined || message.tracedUntil !== null) return null;
    if (message.epoch !== position?.epoch && message.content !== digestOf(content)) return null;
    if (position?.epoch === this.epoch) {
      this.bySequence.set(message.sequence, message);
      this.settle(message);
    }
    return message;
  }

  /**
   * A notice of a message that the ring does not hold. A stream can come back that was replaced by another one, and then
   * the message may have been here before, and have left the ring with those who got it: that one is not traced again.
   */
  private take(publication: Publication, position: Position): TracedMessage | null {
    const isBack = position.sequence <= this.newest && publication.timestamp <= this.ring.evictedUntil;
    return isBack ? null : this.add(publication.id, position, publication);
  }

  private learn(publication: Publication): TracedMessage | null {
    const { position, timestamp } = publication;
    if (position?.epoch !== this.epoch) return null;
    if (timestamp < this.since) this.passed = Math.max(this.passed, position.sequence);
    if (timestamp < this.since || timestamp <= this.ring.evictedUntil) return null;
    return this.add(publication.id, position, publication);
  }

  private add(
    id: string,
    { epoch, sequence }: Position,
    // Not taken apart: the payload of a framed publication is read from its frame when it is asked for.
    content: Content & Pick<Publication, 'timestamp'>,
  ): TracedMessage {
    const message: TracedMessage = {
      id,
      topic: this.topic,
      epoch,
      sequence,
      from: content.from,
      timestamp: content.timestamp,
      content: digestOf(content),
      stages: {},
      subscriptions: null,
      recipients: new Map(),
      others: {},
      tracedUntil: null,
    };
    if (epoch === this.epoch) this.bySequence.set(sequence, message);
    else this.setAside(message);
    this.ring.add(message);
    return message;
  }

  /** Finds what was stored under the new epoch before the router heard of it. */
  private enter(epoch: string): void {
    this.epoch = epoch;
    for (const message of this.strays ?? []) {
      if (message.epoch !== epoch) continue;
      this.bySequence.set(message.sequence, message);
      this.settle(message);
    }
  }

  /** Until its epoch is entered, or it leaves the ring. */
  private setAside(message: TracedMessage): void {
    this.strays = (this.strays ?? new Set()).add(message);
  }

  private settle(stray: TracedMessage): void {
    this.strays?.delete(stray);
    if (this.strays?.size === 0) this.strays = null;
  }

  /** Ranges can be much longer than what is kept of them. */
  private forEach(after: number, to: number, visit: (message: TracedMessage) => void): void {
    if (to - after > this.bySequence.size) {
      for (const [sequence, message] of this.bySequence) if (sequence > after && sequence <= to) visit(message);
      return;
    }
    for (let sequence = after + 1; sequence <= to; sequence += 1) {
      const message = this.bySequence.get(sequence);
      if (message !== undefined) visit(message);
    }
  }
}

function digestOf({ from, clientId = '', payload }: Content): string {
  return hash('sha1', joinParts(from, clientId, payload), 'base64');
}
