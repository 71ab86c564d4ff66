/** Where tokens come from: asked for before a socket and before the one in use ends, one request at a time. */
import type { Environment } from './environment.ts';
import { faultOf, isSignalboxError, type SignalboxError } from './errors.ts';
import { askText } from './text-source.ts';

export interface TokenRequest {
  /** `rejected`: the server did not take the last one. */
  readonly reason: 'connect' | 'expiring' | 'rejected';
  /** Aborted when the answer is no longer of use. */
  readonly signal: AbortSignal;
}

/** Throws {@link signedOut} when there is nobody to have a token for. */
export type TokenSource = string | ((request: TokenRequest) => string | Promise<string>);

/** A function that has not answered by then never will. */
const LONGEST_WAIT_MS = 30_000;
/** A token with less time left is not used for a new socket. */
const MARGIN_MS = 30_000;

type TokenDone = (error: SignalboxError | null, token?: string) => void;

export class Tokens {
  readonly #source: TokenSource | undefined;
  readonly #environment: Environment;
  #cached: string | undefined;
  /** By the server's clock; 0 when it is not known. */
  #expiresAt = 0;
  /** How far the server's clock is ahead of this one. */
  #offset = 0;
  #wasRejected = false;
  #abort: AbortController | null = null;
  #waiters: TokenDone[] = [];

  constructor(source: TokenSource | undefined, environment: Environment) {
    this.#source = source;
    this.#environment = environment;
  }

  /** Whether there could ever be another one. */
  get canRenew(): boolean {
    return typeof this.#source === 'function';
  }

  get serverTime(): number {
    return this.#environment.now() + this.#offset;
  }

  /** What the server says of the token in use. */
  known(expiresAt: number | null | undefined, serverTime: number): void {
    this.#offset = serverTime - this.#environment.now();
    this.accepted(expiresAt);
  }

  accepted(expiresAt: number | null | undefined): void {
    this.#expiresAt = expiresAt ?? (expiresAt === null ? Infinity : 0);
    this.#wasRejected = false;
  }

  /** The next one is asked for anew: the server did not take the last, or the machine slept. */
  distrust(isRejected: boolean): void {
    this.#cached = undefined;
    this.#wasRejected ||= isRejected;
  }

  /** For a new socket. Answers at once when nothing has to be asked for. */
  forSocket(done: TokenDone): void {
    if (typeof this.#source !== 'function') return done(null, this.#source);
    if (this.#cached !== undefined && this.#expiresAt - this.serverTime > MARGIN_MS) return done(null, this.#cached);
    this.ask(this.#wasRejected ? 'rejected' : 'connect', done);
  }

  /** Asks the application, once for all who want to know. */
  ask(reason: TokenRequest['reason'], done: TokenDone): void {
    const source = this.#source;
    if (typeof source !== 'function') return;
    this.#waiters.push(done);
    if (this.#abort !== null) return;
    const abort = new AbortController();
    this.#abort = abort;
    askText(
      () => source({ reason, signal: abort.signal }),
      this.#environment,
      LONGEST_WAIT_MS,
      abort,
      (token, cause) => {
        const waiters = this.#waiters;
        this.stop();
        this.#cached = token ?? this.#cached;
        const error = token === undefined ? failure(cause) : null;
        for (const waiter of waiters) waiter(error, token);
      },
    );
  }

  /** A token that comes after it belongs to nobody. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#waiters = [];
  }
}

function failure(cause: unknown): SignalboxError {
  return isSignalboxError(cause) && cause.reason === 'signed_out'
    ? cause
    : faultOf('token_failed', 'the token function failed', cause, true);
}
