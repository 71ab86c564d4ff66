/** Why a client is not let in, in the words that clients of Socket.IO switch on. */
import { errorFrame } from '../../connection/replies.ts';
import type { Reason, Refusal } from '../../protocol/errors.ts';

const TEXTS: Partial<Record<Reason, string>> = {
  token_missing: 'Authentication token required',
  token_invalid: 'Invalid token',
  token_expired: 'Token expired',
  token_revoked: 'Session invalidated',
  account_inactive: 'Session invalidated',
};

/** `message` and `data` of a `connect_error`. */
export function connectError(refused: Refusal): string {
  return JSON.stringify({ message: TEXTS[refused.reason] ?? refused.message, data: errorFrame(refused).data });
}
