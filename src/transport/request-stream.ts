/**
 * A body that is read while it arrives. Bytes that have arrived and that nobody has read are bounded: then the network waits. It is one
 * buffer and not a list of chunks: pieces of one byte are read together.
 */
import type { HttpResponse } from 'uWebSockets.js-compat';
import { BodyError } from '../node/body-error.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Allowance } from './request-body.ts';

/** Unread bytes at which the network is told to wait. The library hands over what it has read before that: up to 512 KiB. */
const ENOUGH = 65_536;

interface Waiting {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(error: BodyError): void;
}

export class IncomingStream implements AsyncIterableIterator<Uint8Array, undefined> {
  private readonly res: Pick<HttpResponse, 'onData' | 'pause' | 'resume'>;
  private readonly maxBytes: number;
  private allowance: Allowance;
  private isAdmitted = false;
  private held = Buffer.alloc(0);
  /** Bytes of `held` that are there. */
  private filled = 0;
  /** Bytes that the reader has and that are not given back yet. */
  private lent = 0;
  private size = 0;
  private isWhole = false;
  /** Nobody reads any more: what still comes is dropped. */
  private isOver = false;
  private isPaused = false;
  private error: BodyError | null = null;
  private waiting: Waiting | null = null;

  /** @param allowance what it takes from until it is admitted */
  constructor(
    res: Pick<HttpResponse, 'onData' | 'pause' | 'resume'>,
    { maxBytes }: { readonly maxBytes: number },
    allowance: Allowance,
  ) {
    this.res = res;
    this.maxBytes = maxBytes;
    this.allowance = allowance;
    res.onData((chunk, isLast) => this.take(chunk, isLast));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Its sender is known now, and somebody will read it. */
  admit(allowance: Allowance): void {
    if (this.error !== null || this.isOver) return;
    const { byteLength } = this.held;
    this.allowance.give(byteLength);
    this.allowance = allowance;
    this.isAdmitted = true;
    if (allowance.take(byteLength)) return this.throttle();
    this.held = Buffer.alloc(0);
    this.fail(TOO_MANY);
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.giveBack();
    if (this.filled > 0) return Promise.resolve({ done: false, value: this.hand() });
    if (this.error !== null) return Promise.reject(this.error);
    if (this.isWhole || this.isOver) return Promise.resolve({ done: true, value: undefined });
    // One reader: a second call would take the place of the first.
    this.waiting?.reject(new BodyError(refusal('internal', 'expected one reader of a body')));
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  /** The reader has seen enough. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.drop(null);
    this.resume();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The request is answered: bytes that still come are dropped, and a reader that reads on is told. */
  answered(): void {
    this.end(ANSWERED);
    this.resume();
  }

  /** The client has gone: nothing of the library may be called. */
  abandon(): void {
    this.isPaused = false;
    this.end(GONE);
  }

  /** A body that was read to its end has nothing to tell. */
  private end(problem: Refusal): void {
    if (this.isWhole && this.filled === 0) this.giveBack();
    else this.drop(problem);
  }

  private take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.isOver) return;
    this.size += chunk.byteLength;
    if (this.size > this.maxBytes)
      return this.fail(refusal('payload_too_large', `expected a body of at most ${this.maxBytes} bytes`));
    this.isWhole = isLast;
    const { waiting } = this;
    if (waiting !== null && chunk.byteLength > 0) {
      if (!this.allowance.take(chunk.byteLength)) return this.fail(TOO_MANY);
      this.waiting = null;
      this.lent = chunk.byteLength;
      // Copied: the chunk's memory belongs to the library and is gone after this call.
      return waiting.resolve({ done: false, value: new Uint8Array(chunk.slice(0)) });
    }
    if (chunk.byteLength > 0 && !this.keep(chunk)) return this.fail(TOO_MANY);
    if (isLast && waiting !== null) {
      this.waiting = null;
      return waiting.resolve({ done: true, value: undefined });
    }
    this.throttle();
  }

  private keep(chunk: ArrayBuffer): boolean {
    const needed = this.filled + chunk.byteLength;
    if (needed > this.held.byteLength) {
      const capacity = Math.max(needed, Math.min(this.held.byteLength * 2, ENOUGH));
      if (!this.allowance.take(capacity - this.held.byteLength)) return false;
      const larger = Buffer.allocUnsafe(capacity);
      this.held.copy(larger, 0, 0, this.filled);
      this.held = larger;
    }
    this.held.set(new Uint8Array(chunk), this.filled);
    this.filled = needed;
    return true;
  }

  /** Gives all that is held to the reader, whose it is until the next call. */
  private hand(): Uint8Array {
    const value = this.held.subarray(0, this.filled);
    this.lent = this.held.byteLength;
    this.held = Buffer.alloc(0);
    this.filled = 0;
    this.resume();
    return value;
  }

  private giveBack(): void {
    if (this.lent > 0) this.allowance.give(this.lent);
    this.lent = 0;
  }

  /** Before it is admitted the exchange decides whether the network waits. */
  private throttle(): void {
    if (!this.isAdmitted || this.isPaused || this.isWhole || this.filled < ENOUGH) return;
    this.isPaused = true;
    this.res.pause();
  }

  private resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.res.resume();
  }

  private fail(problem: Refusal): void {
    this.drop(problem);
    this.resume();
  }

  private drop(problem: Refusal | null): void {
    if (this.isOver) return;
    this.isOver = true;
    if (problem !== null) this.error = new BodyError(problem);
    this.allowance.give(this.held.byteLength);
    this.giveBack();
    this.held = Buffer.alloc(0);
    this.filled = 0;
    const { waiting } = this;
    this.waiting = null;
    if (this.error === null) waiting?.resolve({ done: true, value: undefined });
    else waiting?.reject(this.error);
  }
}

const TOO_MANY = refusal('over_capacity', 'expected fewer large requests at the same time', 1_000);
const GONE = refusal('malformed', 'expected a whole body: the client has gone');
const ANSWERED = refusal('malformed', 'expected a whole body before the answer');
