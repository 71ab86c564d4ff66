/** What becomes of a handshake, and how a client is refused. */
import type { Principal } from '../auth/principal.ts';
import type { Connection } from '../connection/connection.ts';
import type { Transport } from '../connection/transport.ts';
import type { CloseReason } from '../protocol/close-codes.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Reason, Refusal } from '../protocol/errors.ts';
import type { SubscribeFrame } from '../protocol/frames.ts';

/** What becomes of a handshake. */
export type Admission = Accepted | Refused;

export interface Accepted {
  readonly kind: 'accepted';
  readonly subprotocol: string | undefined;
  readonly principal: Principal;
  /** What it is subscribed to beside its own wishes. */
  readonly subscribe: readonly string[];
  /** @param first what it subscribes to at once, instead of those; `null`: nothing */
  readonly open: (transport: Transport, first?: SubscribeFrame | null) => Connection;
  readonly abandon: () => void;
}

export interface Refused {
  readonly kind: 'refused';
  readonly refusal: Refusal;
  /** Upgrade, send the refusal as an `Error` frame, then close with this: for clients that cannot see an HTTP answer. */
  readonly close: CloseReason | null;
  readonly subprotocol: string | undefined;
  readonly codec: Codec;
}

const CLOSE_BY_REASON: Partial<Record<Reason, CloseReason>> = {
  token_expired: 'token_expired',
  token_invalid: 'token_revoked',
  token_revoked: 'token_revoked',
  token_missing: 'token_revoked',
  account_inactive: 'forbidden',
  tenant_required: 'token_revoked',
  tenant_not_found: 'forbidden',
  tenant_suspended: 'forbidden',
  tenant_conflict: 'forbidden',
  not_allowed: 'forbidden',
  origin_not_allowed: 'forbidden',
  connection_limit: 'over_capacity',
  rate_limited: 'over_capacity',
  rights_unavailable: 'not_admitting',
  bad_handshake: 'bad_subprotocol',
};

/**
 * What says nothing of the client: another node may take it. An HTTP answer lets a proxy ask that one, while a proxy that sends
 * newcomers to the node with the fewest connections would bring all of them to a draining node for a refusal inside WebSocket.
 */
const OF_THIS_NODE: ReadonlySet<Reason> = new Set(['over_capacity', 'not_admitting']);

/** Whether the refusal says nothing of the client. */
export function isOfThisNode({ reason }: Refusal): boolean {
  return OF_THIS_NODE.has(reason);
}

/** What a socket is closed with that was opened to tell the refusal. */
export function closeOf({ reason }: Refusal): CloseReason {
  return CLOSE_BY_REASON[reason] ?? 'bad_request';
}
