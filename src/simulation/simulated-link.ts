/**
 * The network between the node and one client: a queue of messages, of which the kernel takes so many bytes and the
 * socket buffers the rest. It can be slow, stop, break with messages in it, or vanish without the node noticing.
 */
import type { Transport, TransportListener } from '../connection/transport.ts';
import { CLOSE_CODES, type CloseReason } from '../protocol/close-codes.ts';
import { byteLength, type Payload } from '../protocol/codec.ts';
import { promise } from './violation.ts';

interface InFlight {
  readonly payload: Payload;
  readonly binary: boolean;
}

/** How much the socket library buffers before it would drop messages, in the simulation's small world. */
const MAX_BUFFERED = 1_000_000;

export class SimulatedLink implements Transport {
  listener: TransportListener | null = null;
  /** The client reads whatever arrives at once. */
  isEager = true;
  /** The client is gone, and the node has not been told. */
  isCut = false;
  isClosed = false;
  /** Breaks in the middle of the next send. */
  breaksOnSend = false;
  closeReason: CloseReason | null = null;
  private queue: InFlight[] = [];
  private bytes = 0;
  private readonly kernelBytes: number;
  private readonly deliver: (payload: Payload, binary: boolean) => void;

  /** @param kernelBytes what the network takes from the socket while the client does not read */
  constructor(kernelBytes: number, deliver: (payload: Payload, binary: boolean) => void) {
    this.kernelBytes = kernelBytes;
    this.deliver = deliver;
  }

  send(payload: Payload, binary: boolean): void {
    promise(!this.isClosed, 'no send after close', () => 'a message was sent to a closed socket');
    promise(this.closeReason === null, 'no send after close', () => 'a message was sent after the close frame');
    if (this.breaksOnSend) {
      this.breaksOnSend = false;
      this.break();
      return;
    }
    const copy = typeof payload === 'string' ? payload : Uint8Array.from(payload);
    this.queue.push({ payload: copy, binary });
    this.bytes += byteLength(payload);
    promise(this.buffered() <= MAX_BUFFERED, 'bounded socket buffer', () => `${this.buffered()} bytes are buffered`);
    if (this.isEager && !this.isCut) this.read(Infinity);
  }

  cork(work: () => void): void {
    work();
  }

  buffered(): number {
    return Math.max(0, this.bytes - this.kernelBytes);
  }

  ping(): void {
    if (this.isEager && !this.isCut) this.listener?.ponged();
  }

  close(reason: CloseReason): void {
    this.closeReason = reason;
    if (this.isEager && !this.isCut) this.finish(CLOSE_CODES[reason].code);
  }

  terminate(): void {
    this.break();
  }

  /** The client reads so many messages. */
  read(count: number): void {
    if (this.isCut || this.isClosed) return;
    const before = this.buffered();
    for (let taken = 0; taken < count && this.queue.length > 0; taken += 1) {
      const { payload, binary } = this.queue.shift() as InFlight;
      this.bytes -= byteLength(payload);
      this.deliver(payload, binary);
    }
    if (before > 0 && this.buffered() < before) this.listener?.drained();
    if (this.queue.length === 0 && this.closeReason !== null) this.finish(CLOSE_CODES[this.closeReason].code);
  }

  /** The connection breaks and the node is told; what is in flight is lost. */
  break(): void {
    this.finish(this.closeReason === null ? 1006 : CLOSE_CODES[this.closeReason].code);
  }

  private finish(code: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.queue = [];
    this.listener?.closed(code);
    this.listener = null;
  }
}
