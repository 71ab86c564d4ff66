/** One connection of the generator: opens, subscribes, and checks what it gets against the publisher's sequence. */
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { microseconds, readMicros, readSequence } from './stamp.ts';
import type { Tally } from './tally.ts';
import type { Message, Role, Wire } from './wire.ts';

/** Bytes of the header of an unmasked frame, at most. */
const LONGEST_HEADER = 10;

export interface ClientOptions {
  readonly port: number;
  readonly wire: Wire;
  readonly topic: string;
  readonly role: Role;
  readonly token: string;
  readonly tally: Tally;
  /** An earlier connection of the same client: goes on after what it has seen. */
  readonly resumes?: Client;
}

export class Client {
  readonly wire: Wire;
  readonly topic: string;
  readonly tally: Tally;
  /** The last sequence seen: publishers begin at 1, after everybody has subscribed. */
  last = 0;
  /** Where the wire stands in a message that reached over several frames. */
  rest: Buffer | null = null;
  /** Position at the last subscription, for a resume. */
  epoch = '';
  sequence = 0;
  onAnswer: (() => void) | null = null;
  private isDone = false;
  private socket: LeanSocket | null = null;
  /** Instead of a socket, where the client only listens. */
  private stream: Pick<LeanSocket, 'pause' | 'resume' | 'destroy'> | null = null;
  private ready: (() => void) | null = null;

  /** Not connected yet: {@link open} does it. */
  constructor(options: ClientOptions) {
    this.wire = options.wire;
    this.topic = options.topic;
    this.tally = options.tally;
    if (options.resumes === undefined) return;
    this.last = options.resumes.last;
    this.epoch = options.resumes.epoch;
    // The only publisher of a topic numbers from 1, and so does the server.
    this.sequence = this.last;
  }

  /** Opens a connection and, unless it only publishes, subscribes. Resolves when the server has confirmed both. */
  static async open(options: ClientOptions): Promise<Client> {
    const client = await Client.connect(options);
    if (options.role === 'subscriber') await client.subscribe();
    return client;
  }

  /** Opens a connection. */
  static async connect(options: ClientOptions): Promise<Client> {
    const client = new Client(options);
    const { wire, tally } = options;
    const introduced =
      wire.hello === undefined
        ? null
        : new Promise<void>((resolve) => {
            client.ready = resolve;
          });
    const socket = {
      host: '127.0.0.1',
      port: options.port,
      path: wire.path(options.topic, options.role, options.token),
      ...(wire.headers === undefined ? {} : { headers: wire.headers }),
      onMessage: (bytes: Buffer, start: number, end: number) => {
        tally.bytes += end - start;
        // The first message of a chunk stands right behind its own header.
        if (start <= LONGEST_HEADER) tally.reads += 1;
        wire.read(client, bytes, start, end);
      },
      onClose: () => {
        if (!client.isDone) tally.closed += 1;
      },
    };
    if (wire.open !== undefined && options.role === 'subscriber') client.stream = await wire.open(socket);
    else client.socket = await LeanSocket.open(socket);
    wire.hello?.(client);
    if (introduced !== null) await introduced;
    return client;
  }

  subscribe(): Promise<void> {
    return new Promise((resolve) => {
      this.ready = resolve;
      this.wire.subscribe(this, this.topic);
    });
  }

  /** For wires: what was asked for last (an introduction, a subscription) has been confirmed. */
  subscribed(): void {
    const { ready } = this;
    this.ready = null;
    ready?.();
  }

  /** For wires: a publication whose stamp stands at `at`. */
  delivered(bytes: Uint8Array, at: number): void {
    const { tally } = this;
    const sequence = readSequence(bytes, at);
    if (sequence !== this.last + 1) this.compare(sequence);
    this.last = sequence;
    tally.received += 1;
    if (tally.received >= tally.sampleAt) tally.sampled(microseconds() - readMicros(bytes, at));
    if (tally.received >= tally.wakeAt) tally.wake();
  }

  /** For wires: a request was answered. */
  answered(): void {
    this.tally.answered += 1;
    this.onAnswer?.();
  }

  send(message: Message): void {
    if (typeof message === 'string' && !this.wire.binary) this.socket?.send(message);
    else this.socket?.sendBinary(typeof message === 'string' ? Buffer.from(message) : message);
  }

  /** Sends frames that are ready to go. */
  write(frames: Uint8Array): void {
    this.socket?.write(frames);
  }

  pause(): void {
    (this.socket ?? this.stream)?.pause();
  }

  resume(): void {
    (this.socket ?? this.stream)?.resume();
  }

  destroy(): void {
    this.isDone = true;
    (this.socket ?? this.stream)?.destroy();
  }

  private compare(sequence: number): void {
    if (sequence <= this.last) this.tally.duplicates += 1;
    else this.tally.missing += sequence - this.last - 1;
  }
}
