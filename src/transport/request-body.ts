/** Reads the bodies of HTTP requests: each up to a bound, and all that are still arriving together up to another. */
import type { HttpResponse } from 'uWebSockets.js-compat';
import { notUtf8At } from '../protocol/text.ts';

/** A whole body, or why there is none: of bytes that are no text, where the first one is. */
export type Body =
  | { readonly text: string }
  | { readonly problem: 'too_large' | 'too_many' }
  | { readonly problem: 'not_text'; readonly at: number };

/** What bodies that are still arriving hold together, in bytes. */
export class BodyBudget {
  private inUse = 0;
  private readonly total: number;

  constructor(total: number) {
    this.total = total;
  }

  /** @returns whether there was room */
  take(bytes: number): boolean {
    if (this.inUse + bytes > this.total) return false;
    this.inUse += bytes;
    return true;
  }

  give(bytes: number): void {
    this.inUse -= bytes;
  }
}

/**
 * Collects a body. `done` is called once, unless the request is aborted first: then `abandon` gives back what was held.
 * @param maxBytes of this body
 */
export function readBody(
  res: HttpResponse,
  maxBytes: number,
  budget: BodyBudget,
  done: (body: Body) => void,
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
      return done(textOf(Buffer.from(chunk)));
    }
    if (size > held.byteLength && !grow()) return fail('too_many');
    // Copied: the chunk's memory belongs to the library and is gone after this call.
    held.set(new Uint8Array(chunk), start);
    if (!isLast) return;
    const body = textOf(held.subarray(0, size));
    end();
    done(body);
  });
  return {
    abandon: () => {
      if (!isOver) end();
    },
  };
}

function textOf(bytes: Buffer): Body {
  const at = notUtf8At(bytes);
  return at === -1 ? { text: bytes.toString('utf8') } : { problem: 'not_text', at };
}
