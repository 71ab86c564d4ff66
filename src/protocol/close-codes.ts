/**
 * Every WebSocket close code the server sends. The hundred says what the client does, so an old client handles a new
 * code (docs/protocol.md, "Close codes"). docs/errors.md is generated from this table.
 */

interface CloseEntry {
  readonly code: number;
  /** When the server closes with it. */
  readonly when: string;
}

export const CLOSE_CODES = {
  normal: { code: 1000, when: 'the client asked for it' },
  bad_request: { code: 4000, when: 'the handshake was contradictory (only with ?refuse=close or an Origin)' },
  forbidden: {
    code: 4003,
    when: "the token does not permit the connection, a backend closed it as forbidden, or a web page's origin may not connect",
  },
  bad_subprotocol: { code: 4006, when: 'none of the offered subprotocols is served' },
  banned: { code: 4009, when: 'an operator or a backend closed the connection for good' },
  too_many_errors: { code: 4010, when: '20 malformed or invalid frames within 60 s' },
  over_capacity: { code: 4100, when: 'the user has as many connections as allowed, or an address failed too often' },
  draining: { code: 4101, when: 'the node shuts down; use reconnect_after_ms of the draining Status' },
  rate_limited: {
    code: 4103,
    when: 'the connection went on above ten times its rate for 10 s, or sent more than ten times its burst at once',
  },
  not_admitting: { code: 4104, when: 'the application that decides who may connect did not answer in time' },
  no_heartbeat: { code: 4105, when: 'nothing was received for client_timeout_secs' },
  disconnected: { code: 4107, when: 'an operator or a backend closed the connection; the client may come back' },
  control_overflow: { code: 4108, when: 'replies piled up because the client does not read' },
  stalled: { code: 4109, when: 'no byte left the server for stall_timeout_secs although there was something to send' },
  actor_stopped: { code: 4110, when: "the connection's actor failed too often and was stopped" },
  rotated: {
    code: 4200,
    when: 'a stream of events is as old as it may get (streams.max_secs): open the next one at once',
  },
  token_expired: { code: 4300, when: 'the token is past its expiry plus the leeway' },
  token_revoked: {
    code: 4301,
    when: 'the token or its user was revoked, the token was not accepted, or a backend wants the client to get a new one',
  },
} as const satisfies Record<string, CloseEntry>;

export type CloseReason = keyof typeof CLOSE_CODES;

/** What a backend may close connections with; docs/http.md says when. */
export const BACKEND_CLOSE_CODES = {
  4003: 'forbidden',
  4009: 'banned',
  4107: 'disconnected',
  4301: 'token_revoked',
} as const satisfies Readonly<Record<number, CloseReason>>;
export type BackendCloseCode = keyof typeof BACKEND_CLOSE_CODES;
export const DEFAULT_BACKEND_CLOSE: BackendCloseCode = 4107;

const OWN = new Set<number>(Object.values(CLOSE_CODES).map(({ code }) => code));

/** By what a close counts in the metrics: clients close with any code they like, and each label is kept for ever. */
export function countedAs(code: number): string {
  return OWN.has(code) || (code >= 1000 && code <= 1015) ? String(code) : 'other';
}

/** The ranges of application close codes and what a client does on any code in them. */
export const CLOSE_RANGES = [
  { from: 4000, to: 4099, client: 'stop' },
  { from: 4100, to: 4199, client: 'back off with full jitter, then reconnect' },
  { from: 4200, to: 4299, client: 'reconnect at once' },
  { from: 4300, to: 4399, client: 'get a new token, then reconnect' },
] as const;
