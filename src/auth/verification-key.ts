/** Keys that tokens may be signed with. A key knows its algorithms: what a token's header asks for can only choose among them. */
import {
  createPublicKey,
  hash,
  timingSafeEqual,
  verify,
  constants,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { quote } from '../protocol/errors.ts';
import { Hmac, type HashName } from './hmac.ts';

export interface VerificationKey {
  /** What operators call it: `jwt_secret`, `public_key`, `jwks_url`. */
  readonly name: string;
  /** Key id of a key set; a token that names one is only checked with that key. */
  readonly kid: string | undefined;
  /** Fingerprint of a key of a key set, under its key id; keys of the configuration stay and need none. */
  readonly id?: string;
  readonly algorithms: readonly string[];
  /** @param algorithm one of {@link algorithms}; @param signed ASCII; @param signature base64url */
  readonly matches: (algorithm: string, signed: string, signature: string) => boolean;
}

const HASHES: Readonly<Record<string, HashName>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
/** RFC 7518 section 3.4: each ECDSA algorithm has its curve. */
const BY_CURVE: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2_048;

/** A shared secret, for HS256, HS384 and HS512 (RFC 7518 section 3.2). */
export function secretKey(name: string, secret: Uint8Array): VerificationKey {
  const hmacs = {
    sha256: new Hmac('sha256', secret),
    sha384: new Hmac('sha384', secret),
    sha512: new Hmac('sha512', secret),
  };
  return {
    name,
    kid: undefined,
    algorithms: ['HS256', 'HS384', 'HS512'],
    matches: (algorithm, signed, signature) => isSame(hmacs[hashOf(algorithm)].of(signed), signature),
  };
}

/** One for each length of an HMAC in base64url, so that none is made for each token. */
const texts: readonly (readonly [Buffer, Buffer])[] = [43, 64, 86].map((length) => [
  Buffer.alloc(length),
  Buffer.alloc(length),
]);

/** Compares in a time that tells nothing of where two texts in base64url differ. */
function isSame(expected: string, signature: string): boolean {
  const pair = texts.find(([one]) => one.byteLength === expected.length);
  if (pair === undefined || signature.length !== expected.length) return false;
  const [one, other] = pair;
  one.write(expected, 'latin1');
  other.write(signature, 'latin1');
  // The last character has bits that no byte has, and an issuer may have set them: then the bytes are compared.
  return timingSafeEqual(one, other) || timingSafeEqual(bytesOf(expected), bytesOf(signature));
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

/** @throws when the text is not a public key that tokens can be signed with */
export function publicKeyFromPem(name: string, pem: string): VerificationKey {
  return publicKey(name, undefined, createPublicKey(pem));
}

/** @throws when it is not a public key that tokens can be signed with, or says itself that it is for something else */
export function publicKeyFromJwk(name: string, jwk: JsonWebKey & { kid?: string }): VerificationKey {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const fingerprint = hash('sha256', key.export({ type: 'spki', format: 'der' }), 'base64url');
  const made = publicKey(name, jwk.kid, key);
  return { ...made, algorithms: intended(jwk, made.algorithms), id: `${fingerprint} ${jwk.kid ?? ''}` };
}

/** What the owner of a key lets it be used for (RFC 7517 sections 4.2 to 4.4). @throws when that is not verifying tokens */
function intended({ use, key_ops: operations, alg }: JsonWebKey, able: readonly string[]): readonly string[] {
  if (use !== undefined && use !== 'sig') throw new Error(`expected "use": "sig", got ${shown(use)}`);
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    throw new Error(`expected "key_ops" with "verify", got ${shown(operations)}`);
  if (alg === undefined) return able;
  if (typeof alg !== 'string' || !able.includes(alg))
    throw new Error(`expected "alg" to be one of ${able.join(', ')} for this key, got ${shown(alg)}`);
  // Two names of one algorithm.
  return alg.startsWith('Ed') ? able : [alg];
}

function shown(value: unknown): string {
  return quote(typeof value === 'string' ? value : JSON.stringify(value));
}

function publicKey(name: string, kid: string | undefined, key: KeyObject): VerificationKey {
  const algorithms = algorithmsOf(key);
  return {
    name,
    kid,
    algorithms,
    matches: (algorithm, signed, signature) => verifyWith(key, algorithm, Buffer.from(signed), bytesOf(signature)),
  };
}

function algorithmsOf(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) return RSA;
  // RFC 8037 calls it EdDSA, RFC 9864 Ed25519.
  if (type === 'ed25519') return ['EdDSA', 'Ed25519'];
  const curve = type === 'ec' ? BY_CURVE[details?.namedCurve ?? ''] : undefined;
  if (curve !== undefined) return [curve];
  throw new Error(
    `expected an RSA key of at least ${MIN_RSA_BITS} bits, a P-256, P-384 or P-521 key, or an Ed25519 key`,
  );
}

function verifyWith(key: KeyObject, algorithm: string, signed: Buffer, signature: Buffer): boolean {
  if (algorithm.startsWith('Ed')) return verify(null, signed, key, signature);
  const hash = hashOf(algorithm);
  if (algorithm.startsWith('ES')) return verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (algorithm.startsWith('RS')) return verify(hash, signed, key, signature);
  return verify(
    hash,
    signed,
    { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
    signature,
  );
}

function hashOf(algorithm: string): HashName {
  return HASHES[algorithm.slice(-3)] ?? 'sha256';
}
