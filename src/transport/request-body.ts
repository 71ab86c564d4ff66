/**
 * Reads the bodies of HTTP requests: each up to a bound, those of one network that are still arriving up to a second, and
 * all that are still arriving up to a third.
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
 * Collects a body. `done` is called once, unless the request is aborted first: then `abandon` gives back what was held.
 * @param maxBytes of this body
 * @param take makes the body of its bytes, whose memory is the library's or not kept: it has to copy what it keeps
 */
export function readBody(
  res: HttpResponse,
  maxBytes: number,
  budget: Allowance,
  done: (body: Body) => void,
  take: (bytes: Buffer) => Body = textOf,
): { abandon: () => void } {
  // One buffer that grows, not a list of chunks: a body in chunks of one byte would cost a hundred times its size.
  let held = Buffer.alloc(0);
  let size = 0;
  let isOver = false;
  const end = (): void => {
    isOver = true;
    budget.give(held.byteLength);
    held = Buffer.alloc(0);
  };
  const fail = (problem: 'too_large' | 'too_many'): void => {
    end();
    done({ problem });
  };
  const grow = (): boolean => {
    const capacity = Math.min(maxBytes, Math.max(size, held.byteLength * 2));
    if (!budget.take(capacity - held.byteLength)) return false;
    const larger = Buffer.allocUnsafe(capacity);
    held.copy(larger);
    held = larger;
    return true;
  };
  res.onData((chunk, isLast) => {
    if (isOver) return;
    const start = size;
    size += chunk.byteLength;
    if (size > maxBytes) return fail('too_large');
    if (isLast && start === 0) {
      isOver = true;
      return done(take(Buffer.from(chunk)));
    }
    if (size > held.byteLength && !grow()) return fail('too_many');
    // Copied: the chunk's memory belongs to the library and is gone after this call.
    held.set(new Uint8Array(chunk), start);
    if (!isLast) return;
    const body = take(held.subarray(0, size));
    end();
    done(body);
  });
  return {
    abandon: () => {
      if (!isOver) end();
    },
  };
}

/** Whatever they are. */
export function bytesOf(bytes: Buffer): Body {
  return { bytes: Uint8Array.from(bytes) };
}

function textOf(bytes: Buffer): Body {
  const at = notUtf8At(bytes);
  return at === -1 ? { text: bytes.toString('utf8') } : { problem: 'not_text', at };
}
