/**
 * What became of single messages: the stages of each, and its end per recipient. Off unless a topic asks for it; then a
 * bounded number of messages is kept, each with a bounded list of recipients and the rest counted by end.
 */

/**
 * How a message ended for one connection, so far:
 * - `written`: handed to the socket, live; `replayed`: handed to the socket from the log or the tail
 * - `displaced`: it left the mailbox and waits in the log; it becomes `replayed`, `gap`, `purged` or `lost`
 * - `gap`: the log no longer held it, and the client was told so
 * - `purged`: the subscription ended or started anew before it was written
 * - `lost`: the topic's stream was cut or begun anew before it was written
 */
export type End = 'written' | 'replayed' | 'displaced' | 'gap' | 'purged' | 'lost';

/** Why it ended so, where there is more than one reason. */
export type EndCause =
  | 'mailbox_full'
  | 'hole'
  | 'overflow'
  | 'trimmed'
  | 'history_lost'
  | 'unsubscribed'
  | 'closed'
  | 'restarted'
  | 'missed_messages';

export interface Recipient {
  /** Id of the connection. */
  readonly connection: string;
  readonly user: string;
  end: End;
  /** When, in milliseconds since 1970. */
  at: number;
  cause: EndCause | null;
  /** When it left the mailbox, if it did, in milliseconds since 1970. */
  displacedAt: number | null;
  /** What the client was told to be missing, this message among it: first and last sequence. */
  gap: readonly [from: number, to: number] | null;
  /** How often it was handed to the socket; more than once when the client asked for it again. */
  deliveries: number;
}

/** When each stage was reached first, in milliseconds since 1970. The stages of another node are not known here. */
export interface Stages {
  /** The publisher's frame or request came. */
  received?: number;
  /** Its name, rights and limits had been checked. */
  validated?: number;
  /** It was put into the topic's tail. */
  routed?: number;
  /** It was counted into the mailboxes of the live subscribers. */
  queued?: number;
  /** It was handed to the first socket. */
  delivered?: number;
  /** It ended for the first recipient without having been handed over. */
  failed?: number;
  /** Those of applications, `APP.STAGE`. */
  [ofApp: `${string}.${string}`]: number;
}

/** Stages of applications that a message keeps; further ones are not written down. */
const MAX_APP_STAGES = 16;

export interface TracedMessage {
  readonly id: string;
  /** As the node names it: with its tenant. */
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
  /** User id of the publisher. */
  readonly from: string;
  /** When the log took it, in milliseconds since 1970. */
  readonly timestamp: number;
  /** A digest of what it says: tells it from another with its id, which a stream can have that began anew. */
  readonly content: string;
  readonly stages: Stages;
  /** Subscriptions that the topic had on this node when it was routed; `null` when it was not. */
  subscriptions: number | null;
  /** By the connection's number. */
  readonly recipients: Map<number, Recipient>;
  /** Ends of connections beyond the list, as events: one that was displaced and then replayed counts in both. */
  readonly others: Partial<Record<End, number>>;
  /** Since when its ends are no longer written down, because tracing was switched off; `null` while they are. */
  tracedUntil: number | null;
}

export interface TraceLimits {
  /** Messages kept; the oldest leave first. */
  readonly messages: number;
  /** Recipients listed per message. */
  readonly recipients: number;
}

/** A connection, as the trace knows it. */
export interface TraceOwner {
  /** Unique on the node. */
  readonly number: number;
  readonly id: string;
  readonly principal: { readonly user: string };
}

/** All traced messages of a node, the oldest leaving first. */
export class MessageTrace {
  readonly limits: TraceLimits;
  /** Timestamp of the newest message that has left, in milliseconds since 1970: what is not younger must not come back. */
  evictedUntil = 0;
  private readonly byId = new Map<string, TracedMessage>();
  private readonly onEvicted: (message: TracedMessage) => void;

  constructor(limits: TraceLimits, onEvicted: (message: TracedMessage) => void) {
    this.limits = limits;
    this.onEvicted = onEvicted;
  }

  get size(): number {
    return this.byId.size;
  }

  find(id: string): TracedMessage | undefined {
    return this.byId.get(id);
  }

  /** Oldest first. */
  messages(): Iterable<TracedMessage> {
    return this.byId.values();
  }

  /** Another message with its id leaves, and the oldest one when there are too many. */
  add(message: TracedMessage): void {
    const namesake = this.byId.get(message.id);
    if (namesake !== undefined) this.evict(namesake);
    this.byId.set(message.id, message);
    if (this.byId.size <= this.limits.messages) return;
    for (const oldest of this.byId.values()) return this.evict(oldest);
  }

  /**
   * Writes down how a message ended for a connection. A later end takes the place of an earlier one, but nothing takes
   * the place of a delivery.
   * @param gap what the client is told to be missing, for the end `gap`
   */
  end(
    message: TracedMessage,
    owner: TraceOwner,
    end: End,
    at: number,
    cause: EndCause | null,
    gap: Recipient['gap'] = null,
  ): void {
    const isDelivery = end === 'written' || end === 'replayed';
    if (isDelivery) message.stages.delivered ??= at;
    const { recipients, others } = message;
    const known = recipients.get(owner.number);
    if (known === undefined) {
      if (!isDelivery && end !== 'displaced') message.stages.failed ??= at;
      // An operator looks for recipients that did not just get it: one of the others makes room for them.
      if (recipients.size >= this.limits.recipients && (isDelivery || !makeRoom(message)))
        others[end] = (others[end] ?? 0) + 1;
      else recipients.set(owner.number, newRecipient(owner, end, at, cause, gap));
      return;
    }
    if (isDelivery) known.deliveries += 1;
    if (known.end === 'written' || known.end === 'replayed') return;
    if (!isDelivery && end !== 'displaced') message.stages.failed ??= at;
    known.end = end;
    known.at = at;
    known.cause = cause;
    known.gap = gap;
    if (end === 'displaced') known.displacedAt = at;
  }

  /** An application has done its part. A stage is reached once: its first time stays. @returns whether it is written down */
  reached(id: string, stage: `${string}.${string}`, at: number): boolean {
    const message = this.byId.get(id);
    if (message === undefined || message.tracedUntil !== null) return false;
    const { stages } = message;
    const ofApps = Object.keys(stages).filter((name) => name.includes('.'));
    if (stages[stage] === undefined && ofApps.length >= MAX_APP_STAGES) return false;
    stages[stage] ??= at;
    return true;
  }

  private evict(message: TracedMessage): void {
    this.byId.delete(message.id);
    this.evictedUntil = Math.max(this.evictedUntil, message.timestamp);
    this.onEvicted(message);
  }
}

/** The id of a connection is printed when it is asked for: only listed recipients pay for it. */
function newRecipient(
  { id, principal }: TraceOwner,
  end: End,
  at: number,
  cause: EndCause | null,
  gap: Recipient['gap'],
): Recipient {
  return {
    connection: id,
    user: principal.user,
    end,
    at,
    cause,
    gap,
    displacedAt: end === 'displaced' ? at : null,
    deliveries: end === 'written' || end === 'replayed' ? 1 : 0,
  };
}

/** Moves a recipient that got it without detours into the count. @returns whether there was one */
function makeRoom({ recipients, others }: TracedMessage): boolean {
  for (const [number, { end, deliveries, displacedAt }] of recipients) {
    if (deliveries === 0 || displacedAt !== null) continue;
    recipients.delete(number);
    others[end] = (others[end] ?? 0) + 1;
    return true;
  }
  return false;
}
