/**
 * Reads signed tokens (RFC 7515) and finds the key that a signature matches, without waiting. jose does the same
 * through WebCrypto's thread pool at 95 µs and an asynchronous answer; here an HMAC takes 6 µs and an RSA signature
 * 20 µs, and the handshake is decided in its own turn, which a reconnecting crowd feels and uWebSockets.js needs
 * (transport/server.ts). signature.test.ts and authenticator.jose.test.ts hold this against jose, token by token.
 */
import { isUtf8 } from 'node:buffer';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { loneSurrogateAt } from '../protocol/text.ts';
import type { VerificationKey } from './verification-key.ts';

export interface SignedToken {
  readonly algorithm: string;
  readonly kid: string | undefined;
  /** What the signature is over: header and payload, as they came. */
  readonly signed: string;
  /** Base64url, like the payload. */
  readonly signature: string;
  readonly payload: string;
}

export interface SignedClaims {
  readonly claims: Readonly<Record<string, unknown>>;
  /** Name of the key that the signature matches. */
  readonly key: string;
  /** Of a key that may be withdrawn. */
  readonly keyId?: string | undefined;
}

type Head = Readonly<Record<string, unknown>>;

const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Headers that were read, and how long each may be. Strangers can fill this with theirs, which costs no more than reading them. */
const MAX_HEADS = 32;
const MAX_HEAD = 512;
const heads = new Map<string, Head>();
const NOT_A_TOKEN = 'this is not a signed JWT: expected three base64url parts joined by dots';
/** Keys of a set tried for a token that names none: an Ed25519 check takes 115 µs, and strangers may send any number. */
const MAX_TRIES = 4;

/** @param algorithms fixed by configuration; the token's header only says which of them it used */
export function readToken(token: string, algorithms: readonly string[]): SignedToken | Refusal {
  if (!TOKEN.test(token)) return invalid(NOT_A_TOKEN);
  const middle = token.indexOf('.');
  const end = token.indexOf('.', middle + 1);
  const head = readHead(token.slice(0, middle));
  if (head === null) return invalid(NOT_A_TOKEN);
  const { alg, crit, kid } = head;
  if (typeof alg !== 'string' || !algorithms.includes(alg))
    return invalid('the algorithm of the token is not allowed here (auth.algorithms)');
  // RFC 7515 section 4.1.11: what must be understood and is not, must be refused. We understand no extension.
  if (crit !== undefined) return invalid('the token needs an extension that is not supported (crit)');
  return {
    algorithm: alg,
    kid: typeof kid === 'string' ? kid : undefined,
    signed: token.slice(0, end),
    signature: token.slice(end + 1),
    payload: token.slice(middle + 1, end),
  };
}

/** The header of a token, which the tokens of one issuer have in common. */
function readHead(text: string): Head | null {
  const known = heads.get(text);
  if (known !== undefined) return known;
  const head = parseObject(text);
  if (head === null || text.length > MAX_HEAD) return head;
  if (heads.size >= MAX_HEADS) heads.clear();
  // A copy, because a part of a text would keep the whole token in memory.
  heads.set(Buffer.from(text).toString('latin1'), head);
  return head;
}

/**
 * The claims of a token, or `null` when no key matches.
 * @param keys tried in this order, but only those that the algorithm is one of: what a header asks for cannot turn a
 * public key into a shared secret
 */
export function matchKey(token: SignedToken, keys: readonly VerificationKey[]): SignedClaims | Refusal | null {
  const { algorithm, kid, signed, signature } = token;
  let tries = 0;
  for (const key of keys) {
    if (!key.algorithms.includes(algorithm)) continue;
    if (key.kid !== undefined) {
      if (kid !== undefined && key.kid !== kid) continue;
      tries += 1;
      if (tries > MAX_TRIES) break;
    }
    if (!key.matches(algorithm, signed, signature)) continue;
    const claims = parseObject(token.payload);
    return claims === null
      ? invalid('the claims of the token are not a JSON object in UTF-8 with whole characters')
      : { claims, key: key.name, keyId: key.id };
  }
  return null;
}

export function noKeyMatches(): Refusal {
  return invalid('the signature does not match any configured key');
}

/** Bytes that are no text would be replaced, and two users be one: RFC 7519 section 7.2 asks for UTF-8. */
function parseObject(part: string): Record<string, unknown> | null {
  const bytes = Buffer.from(part, 'base64url');
  if (!isUtf8(bytes)) return null;
  const text = bytes.toString('utf8');
  if (loneSurrogateAt(text) !== -1) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function invalid(message: string): Refusal {
  return refusal('token_invalid', message);
}
