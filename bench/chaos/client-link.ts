/** One WebSocket connection of a client that gives up when nothing comes any more. */
import { WebSocket } from 'ws';

export interface Frame {
  readonly type: string;
  readonly reply_to?: string;
  readonly data: FrameData;
}

export interface PositionOnWire {
  readonly epoch: string;
  readonly sequence: number;
}

/** The fields that the suite reads, of whatever frame. */
export interface FrameData {
  readonly topic?: string;
  readonly epoch?: string;
  readonly sequence?: number;
  readonly payload?: { readonly name: string };
  readonly cause?: string;
  readonly from?: number | string;
  readonly to?: number;
  readonly status?: string;
  readonly reason?: string;
  readonly details?: {
    readonly positions?: Readonly<Record<string, PositionOnWire>>;
    readonly recovery?: Readonly<Record<string, { readonly recovered: boolean; readonly reason?: string }>>;
    readonly rejected?: readonly { readonly topic: string; readonly reason: string }[];
    readonly node?: string;
  };
}

const HANDSHAKE_MS = 3_000;
const PING_MS = 1_000;
/** A node that is cut off or stopped closes nothing: silence is all that a client notices. */
const SILENCE_MS = 3_000;

export class ClientLink {
  readonly closed: Promise<void>;
  private readonly socket: WebSocket;
  private readonly onFrame: (frame: Frame) => void;
  private readonly waiting = new Map<string, (frame: Frame | null) => void>();
  private readonly pinging: NodeJS.Timeout;
  private heardAt = performance.now();
  private isStalled = false;
  private isLeft = false;
  private lastId = 0;

  private constructor(socket: WebSocket, onFrame: (frame: Frame) => void) {
    this.socket = socket;
    this.onFrame = onFrame;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.left();
        resolve();
      });
    });
    socket.on('error', () => {});
    socket.on('message', (data) => this.received(JSON.parse((data as Buffer).toString()) as Frame));
    this.pinging = setInterval(() => this.beat(), PING_MS);
  }

  /** @returns null when the handshake fails */
  static async open(url: string, token: string, onFrame: (frame: Frame) => void): Promise<ClientLink | null> {
    const socket = new WebSocket(url, 'signalbox.json', {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: HANDSHAKE_MS,
      perMessageDeflate: false,
    });
    const link = new ClientLink(socket, onFrame);
    const isOpen = await Promise.race([
      new Promise<boolean>((resolve) => {
        socket.once('open', () => resolve(true));
      }),
      link.closed.then(() => false),
    ]);
    return isOpen ? link : null;
  }

  get isOpen(): boolean {
    return !this.isLeft && this.socket.readyState === WebSocket.OPEN;
  }

  send(type: string, id: string, data: unknown): void {
    if (this.isOpen) this.socket.send(JSON.stringify({ type, id, data }));
  }

  /** @returns the reply; null when the connection ended before it came */
  ask(type: string, data: unknown): Promise<Frame | null> {
    const id = `ask-${(this.lastId += 1)}`;
    if (!this.isOpen) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.send(type, id, data);
    });
  }

  /** Stops reading, with the connection open. */
  stall(): void {
    this.isStalled = true;
    this.socket.pause();
  }

  readOn(): void {
    this.isStalled = false;
    this.heardAt = performance.now();
    this.socket.resume();
  }

  /** Leaves with a goodbye or without; what still comes is not looked at. */
  leave(isPolite: boolean): void {
    this.left();
    if (isPolite) this.socket.close(1000);
    // A stopped node answers no goodbye.
    const ending = setTimeout(() => this.socket.terminate(), isPolite ? 500 : 0);
    ending.unref();
  }

  private left(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    clearInterval(this.pinging);
    for (const answer of this.waiting.values()) answer(null);
    this.waiting.clear();
  }

  private beat(): void {
    if (this.isStalled || this.socket.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.heardAt > SILENCE_MS) this.leave(false);
    else this.send('Ping', 'ping', {});
  }

  private received(frame: Frame): void {
    if (this.isLeft) return;
    this.heardAt = performance.now();
    const answer = frame.reply_to === undefined ? undefined : this.waiting.get(frame.reply_to);
    if (frame.reply_to !== undefined) this.waiting.delete(frame.reply_to);
    // Seen by both: a position that the reply tells must be there before the next frame is looked at.
    this.onFrame(frame);
    answer?.(frame);
  }
}
