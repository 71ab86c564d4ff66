/** A client that keeps positions and checks everything it is sent against the delivery contract of docs/protocol.md. */
import { unpack } from 'msgpackr';
import type { Format, Payload } from '../protocol/codec.ts';
import type { Position } from '../protocol/position.ts';
import { directTopic, isSupportedPattern, looksLikePattern, ME, type Topic } from '../protocol/topic.ts';
import { CONFLATED, ConflatedReader } from './conflated-reader.ts';
import type { Ledger } from './ledger.ts';
import { OWNED, type SimulatedOwner } from './simulated-owner.ts';
import type { SimulatedLink } from './simulated-link.ts';
import { promise } from './violation.ts';

interface ServerFrame {
  readonly type: string;
  readonly id?: string;
  readonly reply_to?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What the client knows of a topic. */
interface Known {
  position: Position;
  /** For ephemeral topics: place of the last one received, and how many losses were announced since. */
  ephemeralAt: number;
  announced: number;
  readonly conflated?: ConflatedReader;
}

const TERMINAL: ReadonlySet<string> = new Set(['Status', 'Ack', 'Pong', 'Error']);

export class SimulatedClient {
  readonly name: string;
  readonly format: Format;
  readonly batching: boolean;
  link: SimulatedLink | null = null;
  sessionId: string | null = null;
  /** Ids of all its connections, the last one being the current. */
  readonly connections = new Set<string>();
  private connectionId = '';
  lastMessageId: string | null = null;
  /** Topics and patterns that it wants, and that the server has confirmed on this connection. */
  readonly wanted = new Set<string>();
  readonly confirmed = new Set<string>();
  readonly known = new Map<string, Known>();
  /** Replies per request of this connection. */
  readonly replies = new Map<string, number>();
  private readonly requests = new Map<string, Readonly<Record<string, unknown>>>();
  /** On which link each request was sent, whatever has become of it. */
  private readonly sentOn = new Map<string, SimulatedLink>();
  private lastRequest = 0;
  private readonly restarted = new Set<string>();
  /** Topics whose position was refused: what a pattern still brings of them begins wherever the server says. */
  private readonly refused = new Set<string>();
  /** Where topics were resumed that went on under another epoch: unless a `Gap` follows, nothing was lost up to there. */
  private readonly resumed = new Map<string, Position>();
  private readonly ledger: Ledger;
  private readonly owner: SimulatedOwner | null;

  constructor(name: string, format: Format, batching: boolean, ledger: Ledger, owner: SimulatedOwner | null = null) {
    this.name = name;
    this.owner = owner;
    this.format = format;
    this.batching = batching;
    this.ledger = ledger;
  }

  get isConnected(): boolean {
    return this.link !== null && !this.link.isClosed;
  }

  /** Requests of this connection that have no reply yet. */
  get unanswered(): string[] {
    return [...this.replies].filter(([, count]) => count === 0).map(([id]) => id);
  }

  connected(link: SimulatedLink): void {
    this.link = link;
    for (const [topic, { position }] of this.known) if (position.epoch === '') this.known.delete(topic);
    this.restarted.clear();
    this.refused.clear();
    this.resumed.clear();
    this.confirmed.clear();
    this.replies.clear();
    this.requests.clear();
  }

  /** Asks for a topic anew at its position: what comes until the answer is of the old start. */
  restart(topic: string): void {
    this.restarted.add(topic);
  }

  /** Sends a frame with a new id. */
  request(type: string, data: Readonly<Record<string, unknown>>): string {
    this.lastRequest += 1;
    const id = `${this.name}-${this.lastRequest}`;
    this.replies.set(id, 0);
    this.requests.set(id, { type, ...data });
    if (this.link !== null) this.sentOn.set(id, this.link);
    const bytes = Buffer.from(JSON.stringify({ type, id, data }));
    this.link?.listener?.received(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), false);
    return id;
  }

  /** Where to resume a topic: only what the client has really seen. */
  resumeAt(topic: string): Position | undefined {
    const known = this.known.get(topic);
    return known === undefined || known.position.epoch === '' ? undefined : known.position;
  }

  received(payload: Payload, binary: boolean): void {
    const value: unknown = binary
      ? unpack(payload as Uint8Array)
      : JSON.parse(typeof payload === 'string' ? payload : Buffer.from(payload).toString());
    if (Array.isArray(value)) {
      promise(this.batching, 'batches only where negotiated', () => `${this.name} got a batch`);
      for (const frame of value) this.frame(frame as ServerFrame);
    } else this.frame(value as ServerFrame);
  }

  /** The node's name of what the client calls a topic. */
  nodeName(topic: string): Topic {
    return topic === ME ? directTopic('', this.name) : topic;
  }

  private frame(frame: ServerFrame): void {
    const { data } = frame;
    if (frame.reply_to !== undefined && frame.type === 'Status') this.checkOrder(frame.reply_to);
    if (frame.reply_to !== undefined && TERMINAL.has(frame.type)) this.answered(frame.reply_to);
    if (frame.type === 'Error' && this.restarted.size > 0) {
      // It does not know what it gets any more: it comes back from where it was sure.
      this.link?.break();
      return;
    }
    if (frame.type === 'Broadcast' || frame.type === 'DirectMessage') this.publication(frame);
    else if (frame.type === 'Gap') this.gap(data);
    else if (frame.type === 'Status')
      this.status(String(data['status']), data['details'] as Readonly<Record<string, unknown>>);
  }

  /** Whether the link that brought a request was closed, or is being closed by the node. */
  hasLeft(id: string): boolean {
    const link = this.sentOn.get(id);
    return link === undefined || link.isClosed || link.closeReason !== null;
  }

  private answered(id: string): void {
    const count = this.replies.get(id);
    if (count === undefined) return;
    promise(count === 0, 'exactly one reply', () => `${id} was answered again`);
    this.replies.set(id, count + 1);
  }

  /** A client that subscribes and unsubscribes without waiting must not get it the other way round. */
  private checkOrder(id: string): void {
    if (!this.isSubscribing(id)) return;
    const first = this.unanswered.find((other) => this.isSubscribing(other));
    promise(
      first === undefined || first === id || this.replies.get(id) !== 0,
      'subscribe and unsubscribe keep their order',
      () => `${id} was answered before ${first}`,
    );
  }

  /** Messages published after a user was denied, and while it is, are not for that user. */
  private checkAllowed(topic: string, payload: string): void {
    const since = topic === OWNED ? (this.owner?.deniedSince(this.name) ?? null) : null;
    const at = this.ledger.orderOf(payload);
    promise(
      since === null || at === undefined || at < since,
      'nothing for those who are denied',
      () => `${this.name} got ${payload}, published after the right to ${topic} had ended`,
    );
  }

  private isSubscribing(id: string): boolean {
    const type = this.requests.get(id)?.['type'];
    return type === 'Subscribe' || type === 'Unsubscribe';
  }

  private publication(frame: ServerFrame): void {
    const { data } = frame;
    const topic = frame.type === 'DirectMessage' ? ME : String(data['topic']);
    if (data['sequence'] === undefined) return this.ephemeral(topic, JSON.stringify(data['payload']));
    const position = { epoch: String(data['epoch']), sequence: Number(data['sequence']) };
    this.ledger.check(this.nodeName(topic), position.epoch, position.sequence, JSON.stringify(data['payload']));
    const isAsked = frame.reply_to !== undefined;
    this.ledger.received(this.connectionId, this.nodeName(topic), position.epoch, position.sequence, isAsked);
    // Answers to GetMissedMessages stand outside the order.
    if (frame.reply_to !== undefined) return;
    this.checkAllowed(topic, JSON.stringify(data['payload']));
    promise(
      this.isSubscribed(topic),
      'nothing after unsubscribe',
      () => `${this.name} got ${topic} ${position.sequence} without a subscription`,
    );
    if (this.refused.delete(topic)) this.known.set(topic, { position, ephemeralAt: -1, announced: 0 });
    const known = this.known.get(topic);
    const last = known?.position;
    if (last === position) return;
    if (last === undefined) {
      promise(
        this.isMatched(topic),
        'positions before publications',
        () => `${this.name} got ${topic} ${position.sequence} before its position`,
      );
      // A topic that did not exist when its pattern was confirmed starts at its first message.
      promise(
        position.sequence === 1,
        'every hole is announced',
        () => `${this.name} got ${topic} ${position.sequence} first`,
      );
      this.known.set(topic, { position, ephemeralAt: -1, announced: 0 });
      return;
    }
    if (this.restarted.has(topic)) return;
    // A topic that is forgotten begins anew without a word for those that a pattern subscribes, if they had all of it.
    const isAnew =
      position.sequence === 1 &&
      position.epoch !== last.epoch &&
      this.isMatched(topic) &&
      !this.ledger.has(this.nodeName(topic), last.epoch, last.sequence + 1);
    promise(
      isAnew || position.sequence === last.sequence + 1,
      'every hole is announced',
      () => `${this.name} got ${topic} ${position.epoch} ${position.sequence} after ${last.epoch} ${last.sequence}`,
    );
    if (isAnew) this.resumed.delete(topic);
    this.checkResumed(topic, position);
    if (!isAnew && position.epoch !== last.epoch)
      this.ledger.checkContinuity(this.nodeName(topic), last, position.epoch);
    this.lastMessageId = frame.id ?? null;
    if (known !== undefined && !this.restarted.has(topic)) known.position = position;
  }

  /** A loss is announced before the first publication, so by then a resume that was confirmed must have been true. */
  private checkResumed(topic: string, position: Position): void {
    const from = this.resumed.get(topic);
    if (from === undefined) return;
    this.ledger.checkContinuity(this.nodeName(topic), from, position.epoch);
    if (position.sequence > from.sequence) this.resumed.delete(topic);
  }

  private ephemeral(topic: string, payload: string): void {
    promise(
      this.isSubscribed(topic),
      'nothing after unsubscribe',
      () => `${this.name} got ${topic} without a subscription`,
    );
    const known = this.known.get(topic) ?? { position: { epoch: '', sequence: 0 }, ephemeralAt: -1, announced: 0 };
    const index = this.ledger.ephemeralIndex(this.nodeName(topic), payload);
    if (topic === CONFLATED) return this.conflated.received(index, payload);
    if (known.ephemeralAt >= 0) {
      promise(
        index > known.ephemeralAt,
        'ephemeral order',
        () => `${this.name} got ${topic} number ${index} after ${known.ephemeralAt}`,
      );
      const missing = index - known.ephemeralAt - 1;
      promise(
        missing === known.announced,
        'every hole is announced',
        () => `${this.name} misses ${missing} of ${topic}, ${known.announced} were announced`,
      );
    }
    known.ephemeralAt = index;
    known.announced = 0;
    this.known.set(topic, known);
  }

  private get conflated(): ConflatedReader {
    const known = this.known.get(CONFLATED);
    const conflated = known?.conflated ?? new ConflatedReader(`${this.name} of ${CONFLATED}`);
    if (known?.conflated === undefined)
      this.known.set(CONFLATED, { position: { epoch: '', sequence: 0 }, ephemeralAt: -1, announced: 0, conflated });
    return conflated;
  }

  private gap(data: Readonly<Record<string, unknown>>): void {
    const topic = String(data['topic']);
    const known = this.known.get(topic);
    promise(
      this.isSubscribed(topic),
      'nothing after unsubscribe',
      () => `${this.name} got a Gap of ${topic} without a subscription`,
    );
    if (data['cause'] === 'no_history') {
      if (topic === CONFLATED) this.conflated.gap(Number(data['count']));
      if (known !== undefined) known.announced += Number(data['count']);
      return;
    }
    if (data['from'] !== undefined)
      this.ledger.announced(this.connectionId, this.nodeName(topic), Number(data['from']), Number(data['to']));
    // Of the old start, like the publications that come before the answer: it moves nothing.
    if (this.restarted.has(topic)) return;
    if (data['cause'] === 'history_lost') {
      this.resumed.delete(topic);
      const position = { epoch: String(data['epoch']), sequence: Number(data['sequence']) };
      this.known.set(topic, { position, ephemeralAt: -1, announced: 0 });
      return;
    }
    const from = Number(data['from']);
    const to = Number(data['to']);
    // A topic that did not exist when its pattern was confirmed starts at its first message.
    const last = this.refused.delete(topic) ? from - 1 : (known?.position.sequence ?? 0);
    promise(
      from === last + 1 && to >= from,
      'gaps are exact',
      () => `${this.name} at ${topic} ${last} was told that ${from}..${to} is lost`,
    );
    promise(
      Number(data['count']) === to - from + 1,
      'gaps are exact',
      () => `a gap ${from}..${to} counts ${String(data['count'])}`,
    );
    this.known.set(topic, { position: { epoch: String(data['epoch']), sequence: to }, ephemeralAt: -1, announced: 0 });
  }

  private status(status: string, details: Readonly<Record<string, unknown>>): void {
    if (status === 'connected') {
      this.sessionId = String(details['session_id']);
      this.connectionId = String(details['connection_id']);
      this.connections.add(this.connectionId);
    } else if (status === 'subscribed') this.subscribed(details);
    else if (status === 'unsubscribed') {
      for (const topic of details['topics'] as string[]) this.unsubscribed(topic);
    }
  }

  private subscribed(details: Readonly<Record<string, unknown>>): void {
    const topics = details['topics'] as string[];
    const recovery = details['recovery'] as Record<string, { recovered: boolean; reason?: string }>;
    for (const [topic, position] of Object.entries(details['positions'] as Record<string, Position>)) {
      const known = this.known.get(topic);
      const wasLive = this.isSubscribed(topic) && !this.restarted.has(topic);
      const isResumed =
        recovery[topic] !== undefined && (recovery[topic].recovered || recovery[topic].reason === 'trimmed');
      // Another epoch says by itself that something happened; its Gap may still be on the way.
      if (known?.position.epoch === position.epoch && (wasLive || isResumed)) {
        const { sequence } = known.position;
        promise(
          position.sequence === sequence,
          'a resume starts where the client is',
          () => `${this.name} is at ${topic} ${sequence} and was put at ${position.sequence}`,
        );
      }
      this.resumed.delete(topic);
      if (isResumed && known !== undefined && known.position.epoch !== position.epoch)
        this.resumed.set(topic, known.position);
      this.known.set(topic, { position, ephemeralAt: -1, announced: 0 });
    }
    for (const { topic } of details['rejected'] as { topic: string }[]) {
      this.restarted.delete(topic);
      this.confirmed.delete(topic);
      if (!looksLikePattern(topic)) this.refused.add(topic);
    }
    for (const topic of topics) {
      this.refused.delete(topic);
      this.confirmed.add(topic);
      this.restarted.delete(topic);
      // An ephemeral topic starts anew.
      if (this.known.get(topic)?.position.epoch === '') this.known.delete(topic);
    }
  }

  private unsubscribed(topic: string): void {
    this.confirmed.delete(topic);
    for (const name of this.known.keys()) if (!this.isSubscribed(name)) this.known.delete(name);
  }

  isSubscribed(topic: string): boolean {
    return this.confirmed.has(topic) || this.isMatched(topic);
  }

  private isMatched(topic: string): boolean {
    return [...this.confirmed].some(
      (pattern) =>
        looksLikePattern(pattern) &&
        isSupportedPattern(pattern) &&
        topic.startsWith(pattern.slice(0, pattern.indexOf('*'))),
    );
  }
}
