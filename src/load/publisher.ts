/** A connection that publishes, and counts what became of it: acknowledged, refused, or never answered. */
import type { DecodedFrame, FrameSink, LoadFormat } from './frames.ts';
import { readPublishId } from './frames.ts';
import { recordLatency } from './latency.ts';
import { Link, type LinkContext, type LinkOwner } from './link.ts';
import { addTo } from './thread-tally.ts';

export interface PublisherContext extends LinkContext {
  /** Told when it is open for the first time, or never will be. */
  readonly onSettled: (isOpen: boolean) => void;
  /** By topic: the newest sequence acknowledged, and acknowledgements without one. */
  readonly heads: Float64Array;
  readonly unnumbered: Float64Array;
  /** Told of every answer. @param retryAfterMs how long the server wants to be left alone; 0 when it took the publish */
  readonly onAnswer: (publisher: Publisher, retryAfterMs: number) => void;
}

/** Without advice in a refusal. */
const RETRY_MS = 100;

export class Publisher implements FrameSink, LinkOwner {
  sequenceAt = 0;
  ackSequenceAt = 0;
  tail = 0;
  readonly link: Link;
  /** Sent and not answered yet. */
  pending = 0;
  /** Sent on connections that were lost before the answer came. */
  unanswered = 0;
  private hasSettled = false;
  private dueAt = 0;
  private readonly context: PublisherContext;
  private readonly format: LoadFormat;

  constructor(context: PublisherContext, token: string | null) {
    this.context = context;
    this.format = context.format;
    this.link = new Link(context, token, this);
  }

  /** @param dueAt when it should begin, in µs */
  open(dueAt: number): void {
    this.dueAt = dueAt;
    this.link.open();
  }

  /** @param stamp when it was meant to be sent, in µs */
  publish(topic: number, stamp: number): void {
    this.pending += 1;
    this.context.tally.counts.published += 1;
    this.link.send(this.format.publish(topic, stamp));
  }

  opened(): void {
    const { tally, clock, onAnswer } = this.context;
    tally.open += 1;
    if (this.hasSettled) return onAnswer(this, 0);
    recordLatency(tally.connect, clock.now() - this.dueAt);
    this.settle(true);
  }

  message(bytes: Buffer, start: number, end: number): void {
    this.format.read(bytes, start, end, this);
  }

  publication(): void {
    // Publishers do not subscribe.
  }

  acknowledged(topic: number, sequence: number, stamp: number): void {
    const { tally, heads, unnumbered, onAnswer } = this.context;
    this.pending -= 1;
    tally.acknowledged(stamp);
    if (sequence === -1) unnumbered[topic] = (unnumbered[topic] as number) + 1;
    else if (sequence > (heads[topic] as number)) heads[topic] = sequence;
    onAnswer(this, 0);
  }

  control(frame: DecodedFrame): void {
    if (frame.type !== 'Error') return;
    const { tally, onAnswer } = this.context;
    addTo(tally.errors, String(frame.data['reason']));
    if (readPublishId(frame.reply_to) === null) return;
    this.pending -= 1;
    tally.counts.refused += 1;
    const wait = frame.data['retry_after_ms'];
    onAnswer(this, typeof wait === 'number' && wait > 0 ? wait : RETRY_MS);
  }

  lost(): void {
    this.context.tally.open -= 1;
    this.unanswered += this.pending;
    this.pending = 0;
  }

  gaveUp(): void {
    this.settle(false);
  }

  private settle(isOpen: boolean): void {
    if (this.hasSettled) return;
    this.hasSettled = true;
    this.context.onSettled(isOpen);
  }
}
