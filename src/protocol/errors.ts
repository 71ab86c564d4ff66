/**
 * Every reason an `Error` frame or an HTTP refusal can carry. docs/errors.md is generated from this table.
 * A reason is stable; its message is not.
 */

interface ErrorEntry {
  /** HTTP status and `Error.code`. */
  readonly code: number;
  /** Whether the same request may succeed later without being changed. */
  readonly temporary: boolean;
  /** Whether it counts towards close code 4010: only what a correct client never sends. */
  readonly strike: boolean;
  /** When the server answers with it. */
  readonly when: string;
  /** What the receiver should do. */
  readonly remedy: string;
}

export const ERRORS = {
  malformed: {
    code: 400,
    temporary: false,
    strike: true,
    when: 'the message is not JSON or MessagePack, is nested too deeply, or is not an object (or a negotiated batch)',
    remedy: 'send one JSON object per text message or one MessagePack map per binary message',
  },
  unknown_type: {
    code: 400,
    temporary: false,
    strike: true,
    when: 'the frame has a type that this version does not know',
    remedy: 'check the spelling (types are PascalCase) and the protocol_version of the first Status',
  },
  invalid_field: {
    code: 400,
    temporary: false,
    strike: true,
    when: 'a field is missing, has the wrong type or is out of range',
    remedy: 'compare the frame with docs/protocol.md; the message names the field',
  },
  invalid_topic: {
    code: 400,
    temporary: false,
    strike: true,
    when: 'a topic name is empty, longer than 256 bytes, reserved, or has characters outside [A-Za-z0-9_:-] and dots',
    remedy: 'use dotted segments of letters, digits, "_", ":" and "-"; direct messages are the topic @me',
  },
  bad_handshake: {
    code: 400,
    temporary: false,
    strike: false,
    when: 'the upgrade request is not a WebSocket handshake, or its subprotocol, format or token entry is contradictory',
    remedy: 'send the four headers of RFC 6455 section 4.1 and at most one of signalbox.json, signalbox.msgpack',
  },
  upgrade_required: {
    code: 426,
    temporary: false,
    strike: false,
    when: 'a plain HTTP request reached the WebSocket endpoint, or Sec-WebSocket-Version is not 13',
    remedy: 'connect with a WebSocket client of RFC 6455',
  },
  token_missing: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'no token came with the request',
    remedy: 'send Authorization: Bearer <token>, the subprotocol entry access_token.<token>, or ?token=',
  },
  token_expired: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'the token is past its expiry plus the leeway',
    remedy: 'get a new token, then connect again',
  },
  token_revoked: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'the token, or every token of its user or time, was revoked by an operator',
    remedy: 'sign in again; a new token is accepted unless the user as a whole is barred by your application',
  },
  token_invalid: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'the token cannot be verified: signature, algorithm, issuer, audience, or a claim of the wrong type',
    remedy: "run ./signalbox token --check <jwt> with the server's secret: it says which check fails",
  },
  credentials_invalid: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'a login whose e-mail address or password is wrong: nobody is told which',
    remedy: 'ask the user again',
  },
  account_inactive: {
    code: 403,
    temporary: false,
    strike: false,
    when: 'the account of the user was deactivated',
    remedy: 'an operator activates it again: ./signalbox accounts activate',
  },
  tenant_required: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'the application tenants serves nobody without a tenant, and the token names none',
    remedy: 'get a token with the claim tenant, or use an API key',
  },
  tenant_not_found: {
    code: 401,
    temporary: false,
    strike: false,
    when: 'the API key is unknown, has ended or was revoked, or there is no tenant of this name',
    remedy:
      'an operator looks: ./signalbox tenants of-key tells whose key it is, ./signalbox tenants show what there is of a tenant',
  },
  tenant_suspended: {
    code: 403,
    temporary: false,
    strike: false,
    when: 'the tenant is suspended',
    remedy: 'an operator resumes it: ./signalbox tenants resume',
  },
  tenant_conflict: {
    code: 403,
    temporary: false,
    strike: false,
    when: 'the API key, the token, the subdomain and X-Tenant-ID of one request name different tenants',
    remedy: 'name one tenant: a token and a key of the same one, at its own subdomain',
  },
  origin_not_allowed: {
    code: 403,
    temporary: false,
    strike: false,
    when: "a web page's Origin header is not in security.allowed_origins",
    remedy:
      'add the exact origin (scheme, host, port) to security.allowed_origins: the log of the server has the line, once per origin',
  },
  not_allowed: {
    code: 403,
    temporary: false,
    strike: false,
    when: 'this topic or action is not permitted; details.because says whether it was the rule, the role or the token',
    remedy:
      'ask for a token whose roles and topics claims cover it, or change the rule in [topics]; token --check says the same',
  },
  not_found: {
    code: 404,
    temporary: false,
    strike: false,
    when: 'the path, the session, the application-defined type, or what an application was asked for does not exist here',
    remedy: 'check the spelling; X- types need an application that handles them (apps.modules)',
  },
  method_not_allowed: {
    code: 405,
    temporary: false,
    strike: false,
    when: 'the path exists, but not with this HTTP method',
    remedy: 'use a method that the Allow header lists',
  },
  idempotency_conflict: {
    code: 409,
    temporary: false,
    strike: false,
    when: 'the idempotency key was used with another payload within its window',
    remedy: 'use a new key for a new message',
  },
  request_pending: {
    code: 409,
    temporary: true,
    strike: false,
    when: 'a History or GetMissedMessages of this connection is still unanswered',
    remedy: 'wait for its Status, then ask again',
  },
  wrong_state: {
    code: 409,
    temporary: false,
    strike: false,
    when: 'what was asked for cannot be done in the state that this is in: the members of a private conversation are fixed, a group is full',
    remedy: 'look at its state, which others may have changed meanwhile; the message says what was expected',
  },
  payload_too_large: {
    code: 413,
    temporary: false,
    strike: true,
    when: 'the message is larger than max_message_size, or an upload than what is taken there',
    remedy: 'keep messages below max_message_size of the first Status; store large objects elsewhere and send a link',
  },
  unsupported_media_type: {
    code: 415,
    temporary: false,
    strike: false,
    when: 'the bytes of an upload are of a type that is not taken there, or of another than its sender says',
    remedy: 'send one of the types that the message names; the bytes decide, and not the name of the file',
  },
  pattern_not_supported: {
    code: 422,
    temporary: false,
    strike: false,
    when: 'a subscription pattern does not start with a literal segment, or has ** before the end',
    remedy: 'use patterns like chat.*.typing or chat.**',
  },
  no_history: {
    code: 422,
    temporary: false,
    strike: false,
    when: 'history was asked of an ephemeral topic',
    remedy: 'set history above 0 for the topic in [topics]',
  },
  topic_limit: {
    code: 429,
    temporary: true,
    strike: false,
    when: 'the connection already has max_subscriptions subscriptions, or the node holds as many topics as it may, in all or of this user or tenant, and all are in use',
    remedy:
      'unsubscribe from something first, use a pattern, or retry after retry_after_ms: topics that nobody uses make room',
  },
  inbox_full: {
    code: 429,
    temporary: true,
    strike: false,
    when: 'a direct message would push out what others have sent and its user has not read, or its sender has direct_per_sender unread ones there beside those of others',
    remedy: 'retry after retry_after_ms; there is room when the user has connected, or the oldest have expired',
  },
  connection_limit: {
    code: 429,
    temporary: true,
    strike: false,
    when: 'the user already has max_connections_per_user connections',
    remedy: 'close another connection of the user',
  },
  rate_limited: {
    code: 429,
    temporary: true,
    strike: false,
    when: 'a rate limit of the connection, the user, the address or the node is exhausted',
    remedy: 'wait retry_after_ms; the limits are in the first Status',
  },
  inbound_full: {
    code: 429,
    temporary: true,
    strike: false,
    when: 'frames arrive faster than earlier ones of this connection can be answered',
    remedy: 'wait for replies before sending more',
  },
  quarantined: {
    code: 500,
    temporary: false,
    strike: false,
    when: 'handling this frame failed inside the server; the frame was put aside and the connection goes on',
    remedy: 'do not send the same frame again; report its id with the server log',
  },
  internal: {
    code: 500,
    temporary: true,
    strike: false,
    when: "the server failed in a way that is not the request's fault",
    remedy: 'try again with back-off; report it with the time of the answer',
  },
  over_capacity: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the node holds max_connections connections or its accept rate is exhausted',
    remedy: 'wait Retry-After with jitter, then connect again',
  },
  not_admitting: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the node does not take new connections: it is starting, draining, or was told so',
    remedy: 'wait Retry-After with jitter, then connect again; another node may take it',
  },
  read_only: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the node is in read-only mode and the request writes',
    remedy: 'wait retry_after_ms; reading goes on',
  },
  application_timeout: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the application that handles this frame or request did not answer within its deadline',
    remedy: 'look whether it was done before you send it again: the application may have gone on',
  },
  rights_unavailable: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the application that decides who may act on this topic, or who may connect, did not answer in time',
    remedy: 'wait retry_after_ms, then send it again; nothing was done, and what is not decided is not allowed',
  },
  log_unavailable: {
    code: 503,
    temporary: true,
    strike: false,
    when: "the topic's log cannot take or give messages now",
    remedy: 'wait retry_after_ms; nothing was stored',
  },
  database_unavailable: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'an application needs the database, and that is away, has no connection free, or was too slow',
    remedy: 'wait retry_after_ms, then send it again; nothing was stored, and topics go on meanwhile',
  },
  queue_unavailable: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'an application puts what it is sent into a queue, and the broker of that is away or the queue is full',
    remedy:
      'wait retry_after_ms, then send it again; it may be handled twice where the broker did not say whether it was stored',
  },
  storage_unavailable: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the storage of uploads cannot take or give files now: its disk is full, or its service is away',
    remedy: 'wait retry_after_ms, then send it again; nothing was stored',
  },
  outcome_unknown: {
    code: 503,
    temporary: true,
    strike: false,
    when: 'the log, or the database of an application, did not say whether it stored the message',
    remedy: 'send it again with the same idempotency_key; without a key it may appear twice',
  },
} as const satisfies Record<string, ErrorEntry>;

export type Reason = keyof typeof ERRORS;

/** Which of the three said no when a topic or action is `not_allowed`: `details.because`. Stable, like the reasons. */
export const DENIALS = {
  no_rule: 'no rule of [topics] lets anybody do this: add one (production starts closed)',
  role: 'the rule lets others do this, and the token has none of their roles',
  token: "the roles would do, and the token's own topics claim does not cover it",
} as const;

export type Denial = keyof typeof DENIALS;

/** Marks what {@link refusal} has made: an answer that merely has the same fields is an answer. */
const REFUSAL = Symbol('refusal');

/** Why something was refused, in a form that becomes an `Error` frame or an HTTP body. */
export interface Refusal {
  readonly [REFUSAL]: true;
  readonly reason: Reason;
  /** What was expected and what came. Never holds a token. */
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Nothing of the rule is told, neither its roles nor its pattern: only whose no it is. */
export function notAllowed(message: string, because: Denial): Refusal {
  return { ...refusal('not_allowed', `${message} (${DENIALS[because]})`), details: { because } };
}

export function refusal(reason: Reason, message: string, retryAfterMs?: number): Refusal {
  return retryAfterMs === undefined
    ? { [REFUSAL]: true, reason, message }
    : { [REFUSAL]: true, reason, message, retryAfterMs };
}

export function isRefusal(answer: object): answer is Refusal {
  return REFUSAL in answer;
}

/** What JSON leaves as it is although nobody sees it, or it turns the text around: C1, line separators, marks of direction. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Untrusted text shortened and escaped for an error message: at most 40 characters, quoted, nothing that does not show. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text).replaceAll(UNSEEN, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
