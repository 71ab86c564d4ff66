/** A connection that is opened again when it is refused or lost, with growing random pauses as clients should have. */
import { LeanSocket } from './lean-socket.ts';
import type { LoadFormat } from './frames.ts';
import type { Target } from './plan.ts';
import type { RunClock } from './run-clock.ts';
import { addTo, type ThreadTally } from './thread-tally.ts';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** What all connections of a thread share. */
export interface LinkContext {
  readonly target: Target;
  readonly format: LoadFormat;
  readonly clock: RunClock;
  readonly tally: ThreadTally;
  /** Told when the messages of a chunk have been handled. */
  readonly onChunkEnd: () => void;
}

export interface LinkOwner {
  /** The handshake is done. */
  opened(): void;
  message(bytes: Buffer, start: number, end: number): void;
  /** The server or the network ended it. Another attempt is under way. */
  lost(): void;
  /** It will never open: the server says that trying again is of no use. */
  gaveUp(): void;
}

export class Link {
  private socket: LeanSocket | null = null;
  private attempts = 0;
  private isWanted = false;
  private retry: NodeJS.Timeout | null = null;
  private readonly context: LinkContext;
  private readonly token: string | null;
  private readonly owner: LinkOwner;

  constructor(context: LinkContext, token: string | null, owner: LinkOwner) {
    this.context = context;
    this.token = token;
    this.owner = owner;
  }

  get isOpen(): boolean {
    return this.socket !== null;
  }

  open(): void {
    this.isWanted = true;
    this.attempts = 0;
    this.attempt();
  }

  /** Drops the connection as a network does, and stays away. */
  drop(): void {
    this.isWanted = false;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    const { socket } = this;
    this.socket = null;
    socket?.destroy();
  }

  send(message: string | Uint8Array): void {
    if (typeof message === 'string') this.socket?.send(message);
    else this.socket?.sendBinary(message);
  }

  cork(): void {
    this.socket?.cork();
  }

  uncork(): void {
    this.socket?.uncork();
  }

  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }

  private attempt(): void {
    const { target, format, clock, tally, onChunkEnd } = this.context;
    this.attempts += 1;
    let closed = false;
    LeanSocket.open({
      host: target.address,
      port: target.port,
      path: target.path,
      authority: target.authority,
      tls: target.tls,
      headers: {
        'Sec-WebSocket-Protocol': format.subprotocol,
        ...(this.token !== null && { Authorization: `Bearer ${this.token}` }),
      },
      onChunk: () => {
        tally.chunkAt = clock.now();
      },
      onChunkEnd,
      onMessage: (bytes, start, end) => this.owner.message(bytes, start, end),
      onClose: (code) => {
        closed = true;
        this.ended(code);
      },
    }).then(
      (socket) => {
        if (closed) return;
        if (!this.isWanted) return socket.destroy();
        this.socket = socket;
        this.attempts = 0;
        this.owner.opened();
      },
      (error: Error) => this.refused(error),
    );
  }

  private ended(code: number): void {
    if (!this.isWanted) return;
    this.socket = null;
    addTo(this.context.tally.closes, String(code));
    this.owner.lost();
    // The hundreds say what a client does (docs/protocol.md): 40xx means stop.
    if (code >= 4000 && code < 4100) this.giveUp();
    else this.again();
  }

  private refused(error: Error): void {
    if (!this.isWanted) return;
    const { reason, isFinal } = readRefusal(error);
    addTo(this.context.tally.refusals, reason);
    if (isFinal) this.giveUp();
    else this.again();
  }

  private giveUp(): void {
    this.isWanted = false;
    this.owner.gaveUp();
  }

  private again(): void {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.attempts);
    this.retry = setTimeout(() => this.attempt(), Math.random() * pause);
  }
}

/** What a refused handshake says. A refusal by HTTP has a status, and a reason when it is this server's. */
export function readRefusal(error: Error & { code?: unknown }): { reason: string; isFinal: boolean } {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(error.message)?.[1] ?? 0);
  const named = /"reason":"([a-z_]+)"/.exec(error.message)?.[1];
  if (status === 0) return { reason: typeof error.code === 'string' ? error.code : error.message, isFinal: false };
  return { reason: named ?? `HTTP ${status}`, isFinal: status < 500 && status !== 429 };
}
