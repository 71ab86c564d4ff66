/** One attempt at a connection, from its token to the end of its socket. An owner that lets go of it hears nothing of it any more. */
import type { ConnectedDetails, ServerFrame, WireError } from '../protocol/wire.ts';
import { jsonCodec, type ClientCodec, type OutgoingFrame, type Publish } from './codec.ts';
import type { Environment, SocketPort, Transport } from './environment.ts';

export interface LinkEvents {
  /** @param size characters or bytes of the frame, about */
  frame(link: Link, frame: ServerFrame, size: number): void;
  ended(link: Link, code: number): void;
  /** A connection beside this one may be a better one. */
  better(): void;
}

export type Unsendable = 'not_serialisable' | 'payload_too_large';

export class Link {
  /** It can be written to. */
  isOpen = false;
  /** The first frame, once it has come. */
  greeting: ConnectedDetails | null = null;
  greetedAt = 0;
  heardAt: number;
  /** Topics that the server has subscribed it to by itself: no reader here has asked for them, and none ends them. */
  readonly given = new Set<string>();
  /** What the server said before it closed. */
  lastError: WireError | null = null;
  /** Takes back the time by which the first frame must have come. */
  cancelDeadline: () => void = () => {};
  #socket: SocketPort | null = null;
  readonly #given: ClientCodec;
  readonly #environment: Environment;

  constructor(codec: ClientCodec, environment: Environment) {
    this.#given = codec;
    this.#environment = environment;
    this.heardAt = environment.elapsed();
  }

  get transport(): Transport {
    return this.#socket?.transport ?? 'websocket';
  }

  get #codec(): ClientCodec {
    return this.transport === 'websocket' ? this.#given : jsonCodec;
  }

  /** @throws when the URL is none */
  open(url: string, token: string | undefined, events: LinkEvents): void {
    const protocols = [this.#codec.subprotocol];
    if (token !== undefined) protocols.push(`access_token.${token}`);
    const socket = this.#environment.open(url, protocols);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.isOpen = true;
    };
    socket.onmessage = ({ data }) => this.#received(data, events);
    socket.onclose = ({ code }) => events.ended(this, code);
    socket.onbetter = () => events.better();
    // Browsers close a socket that never opened, too; Node 22 tells of an error and of nothing else.
    socket.onerror = () => {
      if (!this.isOpen) events.ended(this, 1006);
    };
  }

  /** @returns why it cannot be sent, if it cannot */
  send(frame: OutgoingFrame): Unsendable | null {
    return this.#write(() => this.#codec.encode(frame));
  }

  publish(publish: Publish): Unsendable | null {
    return this.#write(() => this.#codec.encodePublish(publish));
  }

  /** Lets go without waiting: a socket that is dead does not answer a close either. */
  release(): void {
    const socket = this.#socket;
    this.cancelDeadline();
    this.isOpen = false;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    // Some implementations tell of an error when a socket is closed before it is open.
    socket.onerror = () => {};
    socket.close(1000);
  }

  /** The server does not say what a frame that is too large answers to, so none is sent. */
  #write(encode: () => string | Uint8Array<ArrayBuffer>): Unsendable | null {
    if (!this.isOpen) return null;
    let frame: string | Uint8Array<ArrayBuffer>;
    try {
      frame = encode();
    } catch {
      return 'not_serialisable';
    }
    if (bytesOf(frame) > (this.greeting?.max_message_size ?? Infinity)) return 'payload_too_large';
    this.#socket?.send(frame);
    return null;
  }

  #received(data: unknown, events: LinkEvents): void {
    this.heardAt = this.#environment.elapsed();
    try {
      const decoded = this.#codec.decode(data);
      const size = (data as string).length ?? (data as ArrayBuffer).byteLength ?? 0;
      const frames = (Array.isArray(decoded) ? decoded : [decoded]) as readonly ServerFrame[];
      for (const frame of frames) {
        // A frame may end the link.
        if (this.#socket === null) return;
        if (typeof frame.type !== 'string') return events.ended(this, 1002);
        events.frame(this, frame, size / frames.length);
      }
    } catch {
      // No frame, or none of this protocol.
      events.ended(this, 1002);
    }
  }
}

/** Not `TextEncoder`: engines of phones lack it. */
function bytesOf(frame: string | Uint8Array): number {
  return typeof frame === 'string' ? encodeURIComponent(frame).replaceAll(/%../g, '.').length : frame.length;
}
