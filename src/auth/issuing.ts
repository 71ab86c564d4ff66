/** Makes tokens: the claims as {@link readClaims} reads them, signed with a key of the issuer. */
import { constants, createHmac, createPrivateKey, createSecretKey, sign, type KeyObject } from 'node:crypto';
import type { ClaimRules } from './claims.ts';
import type { Principal } from './principal.ts';

/** What a token shall say: the user, with what narrows or widens their rights. */
interface NewToken {
  readonly tenant?: string;
  readonly user: string;
  readonly roles: readonly string[];
  readonly topics?: Principal['topics'];
  readonly subscribe?: readonly string[];
  /** `jti`, by which the one token can be revoked. */
  readonly tokenId?: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export type TokenIssuer = (token: NewToken) => string;

export interface SigningKey {
  readonly algorithm: string;
  /** Base64url. */
  readonly sign: (signed: string) => string;
}

export function issuerOf(
  key: SigningKey,
  { issuer, audience }: Partial<Pick<ClaimRules, 'issuer' | 'audience'>>,
): TokenIssuer {
  const head = encode({ alg: key.algorithm, typ: 'JWT' });
  return (token) => {
    const signed = `${head}.${encode({ ...claimsOf(token), iss: issuer, aud: audience })}`;
    return `${signed}.${key.sign(signed)}`;
  };
}

/** The inverse of reading. Times keep their milliseconds: a token made after a revocation in the same second is not revoked. */
function claimsOf({ tenant, user, roles, topics, subscribe, tokenId, issuedAt, expiresAt }: NewToken): object {
  return {
    sub: user,
    roles,
    ...(tenant !== undefined && tenant !== '' && { tenant }),
    ...(topics !== undefined && topics !== null && { topics }),
    ...(subscribe !== undefined && { subscribe }),
    jti: tokenId,
    iat: issuedAt / 1_000,
    exp: Math.ceil(expiresAt / 1_000),
  };
}

/** @param algorithm HS256, HS384 or HS512 */
export function hmacKey(algorithm: string, secret: Uint8Array): SigningKey {
  const key = createSecretKey(secret);
  const digest = `sha${algorithm.slice(2)}`;
  return { algorithm, sign: (signed) => createHmac(digest, key).update(signed).digest('base64url') };
}

/**
 * @param pem PKCS #8
 * @param algorithms those that the server takes, in its order
 * @throws when the key cannot sign with one of them
 */
export function privateSigningKey(pem: string, algorithms: readonly string[]): SigningKey {
  const key = createPrivateKey(pem);
  const able = algorithmsOf(key);
  const algorithm = algorithms.find((name) => able.includes(name));
  if (algorithm === undefined)
    throw new Error(
      `expected one of ${able.join(', ') || 'the algorithms of RSA, EC and Ed25519 keys'} in auth.algorithms, got ${algorithms.join(', ')}`,
    );
  const isPss = algorithm.startsWith('PS');
  const digest = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`;
  const options = {
    key,
    dsaEncoding: 'ieee-p1363' as const,
    ...(isPss && { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
  };
  return { algorithm, sign: (signed) => sign(digest, Buffer.from(signed), options).toString('base64url') };
}

const BY_CURVE: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  if (type === 'ed25519') return ['EdDSA', 'Ed25519'];
  if (type === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
  return [BY_CURVE[details?.namedCurve ?? ''] ?? []].flat();
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
