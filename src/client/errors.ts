/** What goes wrong, as one class. Ask {@link isSignalboxError}, not `instanceof`: a page may hold two copies of the library. */
import type { Reason } from '../protocol/errors.ts';
import type { WireError } from '../protocol/wire.ts';

/** Reasons that the library adds to those of the server (docs/errors.md). */
type ClientReason =
  | 'queue_full'
  | 'aborted'
  | 'deadline'
  | 'closed'
  | 'signed_out'
  | 'unsubscribed'
  | 'not_serialisable'
  | 'offline'
  | 'invalid_url'
  | 'token_failed'
  | 'handler_failed'
  | 'storage_failed'
  | 'unsupported'
  | 'user_changed'
  | 'answer_failed';

export type ErrorReason = Reason | ClientReason;

const BRAND = Symbol.for('signalbox.error');

export interface ErrorFacts {
  /** As in HTTP; 0 when it is the library that says so. */
  readonly code?: number;
  /** Whether the same may succeed later without being changed. */
  readonly temporary?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

export class SignalboxError extends Error {
  readonly [BRAND] = true;
  override readonly name = 'SignalboxError';
  readonly reason: ErrorReason;
  readonly code: number;
  readonly temporary: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    reason: ErrorReason,
    message: string,
    { code = 0, temporary = false, retryAfterMs, details, cause }: ErrorFacts = {},
  ) {
    super(`${message} (${reason})`, { cause });
    this.reason = reason;
    this.code = code;
    this.temporary = temporary;
    this.retryAfterMs = retryAfterMs;
    this.details = details;
  }
}

export function isSignalboxError(value: unknown): value is SignalboxError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** What a token function throws when there is nobody signed in: the client closes and does not try again. */
export function signedOut(message = 'nobody is signed in'): SignalboxError {
  return new SignalboxError('signed_out', message);
}

/** What code of the application did wrong. */
export function faultOf(reason: ErrorReason, what: string, cause: unknown, temporary = false): SignalboxError {
  return new SignalboxError(reason, `${what}: ${String(cause)}`, { cause, temporary });
}

/** What the server refused. Servers before version 0.2 do not say in `rejected` whether it is temporary. */
export function refused(error: WireError): SignalboxError {
  const { code, reason, message, details, retry_after_ms: retryAfterMs } = error;
  const { temporary = code === 429 || code === 503 } = error;
  return new SignalboxError(reason as ErrorReason, message, { code, temporary, retryAfterMs, details });
}
