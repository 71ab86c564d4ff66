/**
 * Verifies tokens with an HMAC signature (RFC 7515, RFC 7518 section 3.2) without waiting. jose does the same through
 * WebCrypto's thread pool at 95 µs and an asynchronous answer; here it is 6 µs and the handshake is decided in its own
 * turn, which a reconnecting crowd feels and uWebSockets.js needs (transport/server.ts). hmac-signature.test.ts holds
 * this against jose, token by token.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { refusal, type Refusal } from '../protocol/errors.ts';

/** A key that tokens may be signed with. */
export interface VerificationKey {
  /** What operators call it: `jwt_secret`, `jwt_previous_secret`. */
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface SignedClaims {
  readonly claims: Readonly<Record<string, unknown>>;
  /** Name of the key that the signature matches. */
  readonly key: string;
}

const HASHES: ReadonlyMap<string, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
]);
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const NOT_A_TOKEN = 'this is not a signed JWT: expected three base64url parts joined by dots';

/**
 * @param keys tried in this order
 * @param algorithms fixed by configuration; the token's header only says which of them it used
 */
export function verifySignature(
  token: string,
  keys: readonly VerificationKey[],
  algorithms: readonly string[],
): SignedClaims | Refusal {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0 || ![header, payload, signature].every((part) => BASE64URL.test(part)))
    return invalid(NOT_A_TOKEN);
  const head = parseObject(header);
  if (head === null) return invalid(NOT_A_TOKEN);
  const { alg, crit } = head;
  const hash = typeof alg === 'string' && algorithms.includes(alg) ? HASHES.get(alg) : undefined;
  if (hash === undefined) return invalid('the algorithm of the token is not allowed here (auth.algorithms)');
  // RFC 7515 section 4.1.11: what must be understood and is not, must be refused. We understand no extension.
  if (crit !== undefined) return invalid('the token needs an extension that is not supported (crit)');
  const given = Buffer.from(signature, 'base64url');
  for (const { name, secret } of keys) {
    const expected = createHmac(hash, secret).update(`${header}.${payload}`).digest();
    if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) continue;
    const claims = parseObject(payload);
    return claims === null ? invalid('the claims of the token are not a JSON object') : { claims, key: name };
  }
  return invalid('the signature does not match any configured key');
}

function parseObject(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
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
