/** A client of the protocol, over either library and in either format, that waits for what it expects. */
import { Packr, Unpackr } from 'msgpackr';
import { onTestFinished } from 'vitest';
import { within } from './deadline.ts';
import { isTerminal, type Connected, type Frame, type Missed, type Subscribed } from './frames.ts';
import { tokenOf, type TokenOptions } from './tokens.ts';
import { openWire, type Library, type Wire } from './wires.ts';

export type Format = 'json' | 'msgpack';

export interface ConnectOptions extends TokenOptions {
  readonly user?: string;
  /** Instead of a token made for `user`; `null` sends none. */
  readonly token?: string | null;
  readonly library?: Library;
  readonly format?: Format;
  readonly batching?: boolean;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of those that `format`, `batching` and the token make. */
  readonly protocols?: readonly string[];
  readonly autoPong?: boolean;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface Envelope {
  readonly id?: string;
  readonly trace?: string;
}

interface Waiter {
  readonly predicate: (frame: Frame) => boolean;
  readonly found: (frame: Frame) => void;
  readonly failed: (error: Error) => void;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

export class Client {
  /** Every frame in the order in which it came. */
  readonly frames: Frame[] = [];
  /** Every WebSocket message as it came. */
  readonly messages: (string | Uint8Array)[] = [];
  readonly closed: Promise<Closed>;
  readonly opened: Promise<string>;
  readonly format: Format;
  /** Told of every frame. */
  onFrame: (frame: Frame) => void = () => {};
  private readonly unread: Frame[] = [];
  private readonly waiters: Waiter[] = [];
  private readonly wire: Wire;
  private end: Closed | null = null;
  private lastId = 0;

  constructor(library: Library, format: Format, options: Parameters<typeof openWire>[1]) {
    this.format = format;
    const opening = Promise.withResolvers<string>();
    const closing = Promise.withResolvers<Closed>();
    this.opened = opening.promise;
    this.closed = closing.promise;
    this.opened.catch(() => {});
    this.wire = openWire(library, options, {
      opened: opening.resolve,
      message: (data) => this.received(data),
      closed: (code, reason, problem) => {
        this.end = { code, reason };
        const error = new Error(`the connection closed with ${code} ${problem ?? reason}`);
        opening.reject(error);
        closing.resolve(this.end);
        for (const waiter of this.waiters.splice(0)) waiter.failed(error);
      },
    });
  }

  get isClosed(): boolean {
    return this.end !== null;
  }

  /** The first frame that was not taken yet and fits; waits for it if need be. */
  waitFor(predicate: (frame: Frame) => boolean, what: string): Promise<Frame> {
    const at = this.unread.findIndex(predicate);
    if (at !== -1) return Promise.resolve(this.unread.splice(at, 1)[0] as Frame);
    if (this.end !== null) return Promise.reject(new Error(`${what} never came: closed with ${this.end.code}`));
    const arriving = new Promise<Frame>((found, failed) => {
      this.waiters.push({ predicate, found, failed });
    });
    return within(arriving, `${what}; unread: ${JSON.stringify(this.unread.slice(-5))}`);
  }

  next(type: string): Promise<Frame> {
    return this.waitFor((frame) => frame.type === type, `a ${type}`);
  }

  /** The next `count` frames of a type, in order. */
  async take(count: number, type = 'Broadcast'): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next(type));
    return frames;
  }

  /** The `details` of the next Status of this name. */
  async status(name: string): Promise<unknown> {
    const frame = await this.waitFor(({ type, data }) => type === 'Status' && data.status === name, `Status ${name}`);
    return frame.data.details;
  }

  /** Frames of a type that came and were not taken. */
  untaken(type: string): Frame[] {
    return this.unread.filter((frame) => frame.type === type);
  }

  send(type: string, data: unknown, envelope: Envelope = {}): void {
    this.sendRaw(this.encode({ type, ...envelope, data }));
  }

  sendBatch(frames: readonly object[]): void {
    this.sendRaw(this.encode(frames));
  }

  sendRaw(message: string | Uint8Array): void {
    this.wire.send(message);
  }

  /** Sends a frame with an id and waits for its one terminal reply. */
  ask(type: string, data: unknown, envelope: Envelope = {}): Promise<Frame> {
    const id = envelope.id ?? this.nextId();
    this.send(type, data, { ...envelope, id });
    return this.replyTo(id);
  }

  replyTo(id: string): Promise<Frame> {
    return this.waitFor((frame) => frame.reply_to === id && isTerminal(frame), `the reply to ${id}`);
  }

  async subscribe(...topics: unknown[]): Promise<Subscribed> {
    return detailsOf(await this.ask('Subscribe', { topics }), 'subscribed') as Subscribed;
  }

  async missed(data: unknown): Promise<Missed> {
    return detailsOf(await this.ask('GetMissedMessages', data), 'missed_messages') as Missed;
  }

  publish(topic: string, payload: unknown, envelope: Envelope = {}): Promise<Frame> {
    return this.ask('Broadcast', { topic, payload }, envelope);
  }

  /** Publishes the payloads one after the other, each when the one before was acknowledged. */
  async publishAll(topic: string, payloads: readonly unknown[]): Promise<Frame[]> {
    const acks: Frame[] = [];
    for (const payload of payloads) {
      const reply = await this.publish(topic, payload);
      if (reply.type !== 'Ack') throw new Error(`expected an Ack, got ${JSON.stringify(reply.data)}`);
      acks.push(reply);
    }
    return acks;
  }

  async close(code?: number): Promise<Closed> {
    this.wire.close(code);
    return within(this.closed, 'the closing handshake');
  }

  /** Goes without a word, as a network does. */
  async drop(): Promise<void> {
    this.wire.drop();
    await within(this.closed, 'the connection to be gone');
  }

  nextId(): string {
    this.lastId += 1;
    return `c-${this.lastId}`;
  }

  encode(value: unknown): string | Uint8Array {
    return this.format === 'json' ? JSON.stringify(value) : packr.pack(value);
  }

  private received(data: string | Uint8Array): void {
    this.messages.push(data);
    const value = (typeof data === 'string' ? JSON.parse(data) : unpackr.unpack(data)) as Frame | Frame[];
    for (const frame of Array.isArray(value) ? value : [value]) this.arrived(frame);
  }

  private arrived(frame: Frame): void {
    this.frames.push(frame);
    this.onFrame(frame);
    const at = this.waiters.findIndex(({ predicate }) => predicate(frame));
    if (at === -1) this.unread.push(frame);
    else this.waiters.splice(at, 1)[0]?.found(frame);
  }
}

/** A client whose handshake is under way; it is dropped with the test. */
export async function dial(port: number, options: ConnectOptions = {}): Promise<Client> {
  const { user = 'alice', library = 'ws', format = 'json', batching = false, query = {}, headers = {} } = options;
  const token = options.token === undefined ? await tokenOf(user, options) : options.token;
  const subprotocol = `signalbox.${format}${batching ? '+batch' : ''}`;
  // Browsers can set no header, so there the token travels as a subprotocol.
  const inHeader = library === 'ws' && options.protocols === undefined;
  const entries = token === null || inHeader ? [subprotocol] : [subprotocol, `access_token.${token}`];
  const search = new URLSearchParams(query).toString();
  const client = new Client(library, format, {
    url: `ws://127.0.0.1:${port}/ws${search === '' ? '' : `?${search}`}`,
    protocols: options.protocols ?? entries,
    headers: { ...(token !== null && inHeader && { authorization: `Bearer ${token}` }), ...headers },
    ...(options.autoPong !== undefined && { autoPong: options.autoPong }),
  });
  onTestFinished(() => client.drop());
  return client;
}

export interface Connection extends Client {
  readonly connected: Connected;
}

/** A client that has been greeted. */
export async function connect(port: number, options: ConnectOptions = {}): Promise<Connection> {
  const client = await dial(port, options);
  await within(client.opened, 'the handshake');
  const connected = (await client.status('connected')) as Connected;
  return Object.assign(client, { connected });
}

function detailsOf({ type, data }: Frame, status: string): unknown {
  if (type !== 'Status' || data.status !== status)
    throw new Error(`expected Status ${status}, got ${type} ${JSON.stringify(data)}`);
  return data.details;
}
