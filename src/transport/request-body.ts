/**
 * Reads the bodies of HTTP requests: each up to a bound, those of one network that are still arriving up to a second, and
 * all that are still arriving up to a third. Those whose senders are not known yet have a budget of their own.
 */
import type { HttpResponse } from 'uWebSockets.js-compat';
import { networkOf } from '../node/client-address.ts';
import { notUtf8At } from '../protocol/text.ts';

/** A whole body, or why there is none: of bytes that are no text, where the first one is. */
export type Body =
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
  | { readonly problem: 'too_large' | 'too_many' }
  | { readonly problem: 'not_text'; readonly at: number };

/** What a body takes its bytes from while it arrives. */
export interface Allowance {
  /** @returns whether there was room */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** The part of the whole that one network may hold. */
const SHARE = 1 / 8;

/** What bodies that are still arriving hold together, in bytes. */
export class BodyBudget implements Allowance {
  private inUse = 0;
  private readonly byNetwork = new Map<string, number>();
  private readonly total: number;

  constructor(total: number) {
    this.total = total;
  }

  take(bytes: number): boolean {
    if (this.inUse + bytes > this.total) return false;
    this.inUse += bytes;
    return true;
  }

  give(bytes: number): void {
    this.inUse -= bytes;
  }

  /**
   * The share of one network, out of the whole.
   * @param addressOf asked for once bytes are held, which most bodies never are
   * @param maxBytes of one body: there is always room for one
   */
  shareOf(addressOf: () => string, maxBytes: number): Allowance {
    const most = Math.max(this.total * SHARE, maxBytes);
    let network = '';
    return {
      take: (bytes) => {
        if (network === '') network = networkOf(addressOf());
        const held = this.byNetwork.get(network) ?? 0;
        if (held + bytes > most || !this.take(bytes)) return false;
        this.byNetwork.set(network, held + bytes);
        return true;
      },
      give: (bytes) => {
        if (bytes === 0) return;
        this.give(bytes);
        const left = (this.byNetwork.get(network) ?? 0) - bytes;
        if (left > 0) this.byNetwork.set(network, left);
        else this.byNetwork.delete(network);
      },
    };
  }
}

/**
 * A body that arrives. `done` is called once, unless the request is abandoned first, which gives back what is held.
 * Until it is admitted a body is only held: `done` then hears of nothing but its being too large.
 */
export class IncomingBody {
  // One buffer that grows, not a list of chunks: a body in chunks of one byte would cost a hundred times its size.
  private held = Buffer.alloc(0);
  private size = 0;
  private isWhole = false;
  private isOver = false;
  private isAdmitted = false;
  private readonly maxBytes: number;
  private readonly isText: boolean;
  private allowance: Allowance;
  private readonly done: (body: Body) => void;

  /**
   * @param form how long it may be, and whether it must be text
   * @param waiting what it takes from until it is admitted
   */
  constructor(
    res: Pick<HttpResponse, 'onData'>,
    { maxBytes, isText = true }: { readonly maxBytes: number; readonly isText?: boolean },
    waiting: Allowance,
    done: (body: Body) => void,
  ) {
    this.maxBytes = maxBytes;
    this.isText = isText;
    this.allowance = waiting;
    this.done = done;
    res.onData((chunk, isLast) => this.take(chunk, isLast));
  }

  /** Its sender is known now: what it holds is taken from that one's allowance, as what follows will be. */
  admit(allowance: Allowance): void {
    this.isAdmitted = true;
    if (this.isOver) return;
    if (!allowance.take(this.held.byteLength)) return this.fail('too_many');
    this.allowance.give(this.held.byteLength);
    this.allowance = allowance;
    if (this.isWhole) this.finish();
  }

  abandon(): void {
    if (!this.isOver) this.end();
  }

  private take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.isOver) return;
    const start = this.size;
    this.size += chunk.byteLength;
    if (this.size > this.maxBytes) return this.fail('too_large');
    if (isLast && start === 0 && this.isAdmitted) {
      this.isOver = true;
      return this.done(this.read(Buffer.from(chunk)));
    }
    if (this.size > this.held.byteLength && !this.grow()) return this.fail('too_many');
    // Copied: the chunk's memory belongs to the library and is gone after this call.
    this.held.set(new Uint8Array(chunk), start);
    if (!isLast) return;
    this.isWhole = true;
    if (this.isAdmitted) this.finish();
  }

  private grow(): boolean {
    const capacity = Math.min(this.maxBytes, Math.max(this.size, this.held.byteLength * 2));
    if (!this.allowance.take(capacity - this.held.byteLength)) return false;
    const larger = Buffer.allocUnsafe(capacity);
    this.held.copy(larger);
    this.held = larger;
    return true;
  }

  private finish(): void {
    const body = this.read(this.held.subarray(0, this.size));
    this.end();
    this.done(body);
  }

  /** Copied either way: the memory is the library's, or not kept. */
  private read(bytes: Buffer): Body {
    return this.isText ? textOf(bytes) : { bytes: Uint8Array.from(bytes) };
  }

  private fail(problem: 'too_large' | 'too_many'): void {
    this.end();
    this.done({ problem });
  }

  private end(): void {
    this.isOver = true;
    this.allowance.give(this.held.byteLength);
    this.held = Buffer.alloc(0);
  }
}

function textOf(bytes: Buffer): Body {
  const at = notUtf8At(bytes);
  return at === -1 ? { text: bytes.toString('utf8') } : { problem: 'not_text', at };
}
