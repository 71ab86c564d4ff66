/**
 * What a WebSocket handshake asks for, and whether it is one: uWebSockets.js upgrades anything with a key of 24
 * characters, so the rules of RFC 6455 section 4.2.1 are checked here. Pure.
 */
import type { TransportName } from '../connection/transport.ts';
import type { Codec } from '../protocol/codec.ts';
import { codecNamed, CODECS, DEFAULT_CODEC, SUBPROTOCOLS } from '../protocol/codecs.ts';
import { quote, refusal, type Refusal } from '../protocol/errors.ts';

/** A handshake as the transport copied it: header values as they came, `''` when absent. */
export interface Handshake {
  readonly upgrade: string;
  readonly connection: string;
  readonly version: string;
  readonly key: string;
  readonly protocol: string;
  readonly contentLength: string;
  readonly transferEncoding: string;
  readonly origin: string;
  readonly host: string;
  readonly authorization: string;
  readonly forwardedFor: string;
  /** Name of a header that must not come twice and did; `''` when there is none. */
  readonly repeated: string;
  /** Without the question mark. */
  readonly query: string;
  /** Address of the peer as text. */
  readonly peer: string;
  /** Without, a WebSocket. A plain HTTP request is no handshake, and its format is always JSON. */
  readonly over?: TransportName;
}

export interface Negotiated {
  readonly codec: Codec;
  readonly batching: boolean;
  /** What the answer echoes; `undefined` when the client offered nothing. */
  readonly subprotocol: string | undefined;
}

const TOKEN_ENTRY = 'access_token.';
const BEARER_LENGTH = 'Bearer '.length;
const SPACE = 0x20;
const EQUALS = 0x3d;
const NOTHING_OFFERED: readonly string[] = [];

/** RFC 6455 section 4.2.1, and no request body. */
export function handshakeProblem({
  upgrade,
  connection,
  version,
  key,
  contentLength,
  transferEncoding,
  repeated,
}: Handshake): Refusal | null {
  if (repeated !== '') return refusal('bad_handshake', `expected one ${repeated} header, got several`);
  if (upgrade !== 'websocket' && upgrade.toLowerCase() !== 'websocket')
    return refusal('upgrade_required', `expected Upgrade: websocket, got ${quote(upgrade)}`);
  if (connection !== 'Upgrade' && !namesUpgrade(connection))
    return refusal('bad_handshake', `expected Connection: Upgrade, got ${quote(connection)}`);
  if (version !== '13') return refusal('upgrade_required', `expected Sec-WebSocket-Version: 13, got ${quote(version)}`);
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key))
    return refusal('bad_handshake', 'expected a Sec-WebSocket-Key of 16 bytes in base64');
  if (transferEncoding !== '' || (contentLength !== '' && contentLength !== '0'))
    return refusal('bad_handshake', 'expected a handshake without a request body');
  return null;
}

function namesUpgrade(connection: string): boolean {
  const tokens = connection.toLowerCase().split(',');
  return tokens.some((token) => token.trim() === 'upgrade');
}

/** The token in an `Authorization` header (RFC 6750 section 2.1), or `null`. */
export function bearerToken(authorization: string): string | null {
  if (authorization === '') return null;
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? null;
}

/**
 * What stands after `Bearer`, also with spaces inside, as an operator's token may have. Loops instead of a pattern:
 * `(.*\S) *$` tries every space of a header anew from every other one, and a header may be 16 kB of them.
 */
export function bearerText(authorization: string): string | null {
  if (!/^Bearer /i.test(authorization)) return null;
  let start = BEARER_LENGTH;
  let end = authorization.length;
  while (start < end && authorization.charCodeAt(start) === SPACE) start += 1;
  while (start < end && authorization.charCodeAt(end - 1) === SPACE) end -= 1;
  return start === end ? null : authorization.slice(start, end);
}

/** The token, from the first place that has one. `null` when there is none. */
export function findToken(handshake: Handshake, allowQuery: boolean): string | Refusal | null {
  const bearer = bearerToken(handshake.authorization);
  if (bearer !== null) return bearer;
  const entries = offered(handshake);
  const entry = entries.find((offer) => offer.startsWith(TOKEN_ENTRY));
  if (entry !== undefined) {
    // A browser fails when the answer names no subprotocol, and the token entry must never be echoed.
    if (!entries.some((offer) => SUBPROTOCOLS.has(offer)))
      return refusal('bad_handshake', 'expected a signalbox.* subprotocol beside access_token.<jwt>');
    return entry.slice(TOKEN_ENTRY.length);
  }
  const query = parameterOf(handshake, 'token');
  if (query === null || query === '') return null;
  return allowQuery
    ? query
    : refusal(
        'token_missing',
        'expected the token in the Authorization header or a subprotocol entry: ?token= is turned off (auth.query_token)',
      );
}

/** Format and batching: by subprotocol, else by query, else JSON. */
export function negotiate(handshake: Handshake): Negotiated | Refusal {
  if (!isWebSocket(handshake)) return { codec: DEFAULT_CODEC, batching: false, subprotocol: undefined };
  const offers = offered(handshake).filter((offer) => !offer.startsWith(TOKEN_ENTRY));
  const subprotocol = offers.find((offer) => SUBPROTOCOLS.has(offer));
  const batch = parameterOf(handshake, 'batch') === '1';
  if (subprotocol !== undefined) {
    const { codec, batching } = SUBPROTOCOLS.get(subprotocol) as { codec: Codec; batching: boolean };
    return { codec, batching: batching || batch, subprotocol };
  }
  if (offers.length > 0)
    return refusal(
      'bad_handshake',
      `expected one of the subprotocols ${[...SUBPROTOCOLS.keys()].join(', ')}, got ${quote(offers.join(', '))}`,
    );
  const name = parameterOf(handshake, 'format') ?? DEFAULT_CODEC.name;
  const codec = codecNamed(name);
  if (codec === undefined) {
    const known = CODECS.map((each) => `format=${each.name}`).join(' or ');
    return refusal('bad_handshake', `expected ${known}, got ${quote(name)}`);
  }
  return { codec, batching: batch, subprotocol: undefined };
}

/** Whether a refusal should be told inside WebSocket: a browser sees nothing of an HTTP answer. */
export function wantsRefusalAsClose(handshake: Handshake): boolean {
  if (!isWebSocket(handshake)) return false;
  return handshake.origin !== '' || parameterOf(handshake, 'refuse') === 'close';
}

export function wantsFramePings(handshake: Handshake): boolean {
  return isWebSocket(handshake) && parameterOf(handshake, 'heartbeat') === 'frame';
}

export function isWebSocket({ over }: Handshake): boolean {
  return over === undefined || over === 'websocket';
}

function offered({ protocol }: Handshake): readonly string[] {
  return protocol === '' ? NOTHING_OFFERED : protocol.split(',').map((entry) => entry.trim());
}

/**
 * One parameter of the query. A token and a format have nothing to be decoded, and then the text is only looked through:
 * to build all parameters for each of four that are asked for was a tenth of a handshake. A parser takes a question mark off the front.
 */
function parameterOf({ query }: Handshake, name: string): string | null {
  if (query.includes('%') || query.includes('+') || query.startsWith('?')) return new URLSearchParams(query).get(name);
  for (let at = 0; at < query.length;) {
    const next = query.indexOf('&', at);
    const end = next === -1 ? query.length : next;
    if (query.startsWith(name, at)) {
      const after = at + name.length;
      if (after === end) return '';
      if (query.charCodeAt(after) === EQUALS) return query.slice(after + 1, end);
    }
    at = end + 1;
  }
  return null;
}
