/** A client that writes down what it is sent, and reads as fast or as slowly as a test wants. */
import { unpack } from 'msgpackr';
import type { Payload } from '../protocol/codec.ts';
import { SimulatedLink } from '../simulation/simulated-link.ts';
import type { Connection } from './connection.ts';

export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly reply_to?: string;
  readonly timestamp?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

const TERMINAL = new Set(['Status', 'Ack', 'Pong', 'Error']);

/** A link whose socket has room, and so never drains, as long as the client reads at once. */
class TestLink extends SimulatedLink {
  override buffered(): number {
    return this.isEager ? 0 : super.buffered();
  }
}

export class TestClient {
  readonly connection: Connection;
  readonly link: SimulatedLink;
  /** Everything that was ever received. */
  readonly frames: Frame[] = [];
  /** How many frames each message held. */
  readonly messageSizes: number[] = [];
  private taken = 0;
  private lastRequest = 0;
  private readonly settle: () => void;

  /** @param settle lets the node come to rest */
  constructor(connection: Connection, kernelBytes: number, settle: () => void) {
    this.settle = settle;
    this.connection = connection;
    this.link = new TestLink(kernelBytes, (payload, binary) => this.receive(payload, binary));
    this.link.listener = connection;
    connection.transport = this.link;
  }

  /** Sends text or bytes as they are. */
  sendRaw(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    this.link.listener?.received(Uint8Array.from(bytes).buffer, typeof text !== 'string');
  }

  /** Sends a frame and goes on without waiting. Answers the frame's id. */
  send(type: string, data: Readonly<Record<string, unknown>> = {}): string {
    this.lastRequest += 1;
    const id = `r${this.lastRequest}`;
    this.sendRaw(JSON.stringify({ type, id, data }));
    return id;
  }

  /** Sends a frame and answers its reply. */
  ask(type: string, data: Readonly<Record<string, unknown>> = {}): Frame {
    const id = this.send(type, data);
    this.settle();
    const [reply, ...more] = this.repliesTo(id);
    if (reply === undefined || more.length > 0) throw new Error(`${type} got ${more.length + (reply ? 1 : 0)} replies`);
    return reply;
  }

  /** Sends a frame whose answer is a `Status`, and answers its details. */
  askStatus(type: string, data: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
    const reply = this.ask(type, data);
    if (reply.type !== 'Status') throw new Error(`${type} got ${JSON.stringify(reply)}`);
    return reply.data['details'] as Readonly<Record<string, unknown>>;
  }

  /** Subscribes, and forgets what came until the answer. */
  subscribe(...topics: (string | object)[]): Readonly<Record<string, unknown>> {
    const details = this.askStatus('Subscribe', { topics });
    this.take();
    return details;
  }

  repliesTo(id: string): Frame[] {
    return this.frames.filter((frame) => frame.reply_to === id && TERMINAL.has(frame.type));
  }

  /** Everything received since the last take. */
  take(): Frame[] {
    const news = this.frames.slice(this.taken);
    this.taken = this.frames.length;
    return news;
  }

  /** Stops reading: the next message that is sent blocks the socket. */
  stop(): void {
    this.link.isEager = false;
  }

  /** Reads everything, and goes on reading whatever comes. */
  resume(): void {
    this.link.read(Infinity);
    this.link.isEager = true;
    this.settle();
  }

  private receive(payload: Payload, binary: boolean): void {
    const value = (
      binary
        ? unpack(payload as Uint8Array)
        : JSON.parse(typeof payload === 'string' ? payload : Buffer.from(payload).toString())
    ) as Frame | readonly Frame[];
    const frames: readonly Frame[] = Array.isArray(value) ? (value as readonly Frame[]) : [value as Frame];
    this.messageSizes.push(frames.length);
    this.frames.push(...frames);
  }
}

/** Frames in short: `chat.a 3`, `chat.a 4 replayed`, `Gap chat.a overflow 5-9 (5)`, `Status subscribed`, `Error malformed`. */
export function flow(frames: readonly Frame[]): string[] {
  return frames.map(({ type, data, reply_to: replyTo }) => {
    const words = (...names: string[]): string[] =>
      names.flatMap((name) => (data[name] === undefined ? [] : print(data[name])));
    switch (type) {
      case 'Broadcast':
      case 'DirectMessage': {
        const topic = type === 'DirectMessage' ? ['@me'] : words('topic');
        const place = data['sequence'] === undefined ? words('payload') : words('sequence');
        const marks = data['replayed'] === true ? ['replayed'] : [];
        return [...topic, ...place, ...marks, ...(replyTo === undefined ? [] : ['for', replyTo])].join(' ');
      }
      case 'Gap': {
        const range = words('from', 'to').join('-');
        const count = words('count').map((text) => `(${text})`);
        return ['Gap', ...words('topic', 'cause'), range, ...words('sequence'), ...count]
          .filter((text) => text !== '')
          .join(' ');
      }
      case 'Error':
        return ['Error', ...words('reason')].join(' ');
      default:
        return [type, ...words('status')].join(' ');
    }
  });
}

/** `chat.a 3`, `chat.a 4` …, with what is said of each of them. */
export function run(topic: string, from: number, to: number, suffix = ''): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => `${topic} ${from + at}${suffix === '' ? '' : ` ${suffix}`}`);
}

function print(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
