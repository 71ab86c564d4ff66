/** The error object of the guide: every refusal below its paths and every error of its envelope is one. Pure. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Reason, Refusal } from '../../../protocol/errors.ts';
import type { Failure } from '../providers/provider.ts';

/** Seven of the guide, and one for what none of them says: this server cannot do it now. */
const CODES = [
  'CHAT_SESSION_NOT_FOUND',
  'CHAT_UNAUTHORIZED',
  'CHAT_RATE_LIMITED',
  'CHAT_VALIDATION_ERROR',
  'CHAT_AI_SERVICE_ERROR',
  'CHAT_DATABASE_ERROR',
  'CHAT_WEBSOCKET_ERROR',
  'CHAT_SERVER_ERROR',
] as const;

type ChatCode = (typeof CODES)[number];

export interface ChatError {
  readonly code: ChatCode;
  readonly message: string;
  readonly details: Readonly<Record<string, JsonValue>>;
  /** Seconds; `null` where asking again changes nothing, or nobody knows when it will. */
  readonly retry_after: number | null;
  /** That of a line in the log. */
  readonly correlation_id: string;
}

const BY_REASON: Partial<Record<Reason, ChatCode>> = {
  token_missing: 'CHAT_UNAUTHORIZED',
  token_expired: 'CHAT_UNAUTHORIZED',
  token_revoked: 'CHAT_UNAUTHORIZED',
  token_invalid: 'CHAT_UNAUTHORIZED',
  account_inactive: 'CHAT_UNAUTHORIZED',
  origin_not_allowed: 'CHAT_UNAUTHORIZED',
  not_allowed: 'CHAT_UNAUTHORIZED',
  not_found: 'CHAT_SESSION_NOT_FOUND',
  rate_limited: 'CHAT_RATE_LIMITED',
  topic_limit: 'CHAT_RATE_LIMITED',
  connection_limit: 'CHAT_RATE_LIMITED',
  malformed: 'CHAT_VALIDATION_ERROR',
  unknown_type: 'CHAT_VALIDATION_ERROR',
  invalid_field: 'CHAT_VALIDATION_ERROR',
  payload_too_large: 'CHAT_VALIDATION_ERROR',
  wrong_state: 'CHAT_VALIDATION_ERROR',
  idempotency_conflict: 'CHAT_VALIDATION_ERROR',
  database_unavailable: 'CHAT_DATABASE_ERROR',
  outcome_unknown: 'CHAT_DATABASE_ERROR',
  upgrade_required: 'CHAT_WEBSOCKET_ERROR',
  bad_handshake: 'CHAT_WEBSOCKET_ERROR',
};

function codeOf(reason: Reason): ChatCode {
  return BY_REASON[reason] ?? 'CHAT_SERVER_ERROR';
}

export function chatError(
  { reason, message, retryAfterMs, details }: Pick<Refusal, 'reason' | 'message' | 'retryAfterMs' | 'details'>,
  correlationId: string,
): ChatError {
  return {
    code: codeOf(reason),
    message,
    details: { reason, ...details },
    retry_after: retryAfterMs === undefined ? null : Math.ceil(retryAfterMs / 1_000),
    correlation_id: correlationId,
  };
}

/** What users are told of a provider. Why it is so stands in the log: keys and addresses are nobody's business. */
const SENTENCES: Readonly<Record<Failure, string>> = {
  unavailable: 'The AI service does not answer',
  busy: 'The AI service has too much to do',
  timeout: 'The AI service did not answer in time',
  unauthorized: 'The AI service refused this server',
  invalid: 'The AI service did not take the question',
  garbage: 'The AI service answered something that is no answer',
  cut: 'The answer broke off',
  too_large: 'The AI service answered too much',
};
const INTERRUPTED = 'The answer was interrupted, as its node has ended';
/** Where the provider has not said when. */
const RETRY_MS: Partial<Record<Failure, number>> = { unavailable: 10_000, busy: 10_000, timeout: 5_000, cut: 1_000 };

/** An answer that failed, or, without a failure, was interrupted. @param correlationId that of its line in the log */
export function answerError(
  { failure, retryAfterMs }: { readonly failure: Failure | null; readonly retryAfterMs: number | null },
  correlationId: string,
): ChatError {
  const afterMs = retryAfterMs ?? (failure === null ? 0 : RETRY_MS[failure]);
  return {
    code: 'CHAT_AI_SERVICE_ERROR',
    message: failure === null ? INTERRUPTED : SENTENCES[failure],
    details: { reason: failure ?? 'interrupted' },
    retry_after: afterMs === undefined ? null : Math.ceil(afterMs / 1_000),
    correlation_id: correlationId,
  };
}
