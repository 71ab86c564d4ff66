/** A session as its user sees it. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { SessionRow } from '../tables.ts';

type SessionState = 'active' | 'closed' | 'expired';

export interface SessionView {
  readonly id: string;
  readonly user: string;
  readonly clientName: string | null;
  readonly context: string | null;
  readonly status: SessionState;
  readonly metadata: JsonValue;
  /** Milliseconds since 1970, like all times here. */
  readonly createdAt: number;
  readonly changedAt: number;
  readonly activeAt: number;
  readonly expiresAt: number;
}

/** @param now milliseconds since 1970 */
export function sessionView(row: SessionRow, now: number): SessionView {
  return {
    id: row.id,
    user: row.user_id,
    clientName: row.client_name,
    context: row.context,
    status: stateOf(row, now),
    metadata: row.metadata === null ? {} : (JSON.parse(row.metadata) as JsonValue),
    createdAt: row.created_at.getTime(),
    changedAt: row.changed_at.getTime(),
    activeAt: row.active_at.getTime(),
    expiresAt: row.expires_at.getTime(),
  };
}

export function stateOf(
  { status, expires_at: expiresAt }: Pick<SessionRow, 'status' | 'expires_at'>,
  now: number,
): SessionState {
  return status === 'active' && expiresAt.getTime() <= now ? 'expired' : status;
}
