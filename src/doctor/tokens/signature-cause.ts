/** Why the signature of a token matches no key here: the usual mistakes of issuers are tried, and the one that fits is named. */
import { matchKey, readToken, type SignedToken } from '../../auth/signature.ts';
import { secretKey } from '../../auth/verification-key.ts';
import { isRefusal, quote } from '../../protocol/errors.ts';
import { fail, type Observation } from '../finding.ts';
import type { Authentication } from '../patient.ts';
import type { GivenToken } from './given-token.ts';
import { mistakesWith, stockSecrets, type Mistake } from './secret-mistakes.ts';

const COMPARE =
  'compare: ./signalbox token --check prints the SHA-256 of the secrets here, and at the issuer printf %s "$JWT_SECRET" | sha256sum does';

export function signatureCause(token: GivenToken, authentication: Authentication): Observation {
  const alg = String(token.parts?.head['alg']);
  const read = readToken(token.text, [alg]);
  if (isRefusal(read)) return fail(`${token.label}: ${read.message}`, COMPARE);
  return alg.startsWith('HS') ? sharedCause(token, read, authentication) : publicCause(token, read, authentication);
}

function sharedCause({ label }: GivenToken, read: SignedToken, { secrets }: Authentication): Observation {
  const own = [...secrets].filter(([name]) => name.startsWith('auth.jwt'));
  const others = [...secrets]
    .filter(([name]) => !name.startsWith('auth.jwt'))
    .map(([name, key]): Mistake => ({
      says: name,
      key,
      cure: `give the issuer auth.jwt_secret, and keep ${name} to itself`,
    }));
  const tried = [...own.flatMap(([name, secret]) => mistakesWith(name, secret)), ...others, ...stockSecrets()];
  const found = tried.find(({ key }) => isSignedWith(read, key));
  if (found !== undefined) return fail(`${label} was signed with ${found.says}`, found.cure);
  const sizes = own.map(([name, { byteLength }]) => `${name} (${byteLength} bytes)`).join(' nor ');
  if (own.length === 0)
    return fail(
      `${label} has ${read.algorithm}, and there is no auth.jwt_secret here`,
      'set JWT_SECRET to that of the issuer',
    );
  return fail(`${label} was signed with neither ${sizes}, nor what issuers often make of it by mistake`, COMPARE);
}

function isSignedWith(read: SignedToken, key: Uint8Array): boolean {
  return matchKey(read, [secretKey('tried', key)]) !== null;
}

function publicCause({ label }: GivenToken, read: SignedToken, authentication: Authentication): Observation {
  const { keySet, secrets } = authentication;
  if (keySet === undefined) {
    if (secrets.has('auth.public_key'))
      return fail(
        `${label} was not signed with the private key of auth.public_key`,
        'put the public key of the issuer there (openssl pkey -in private.pem -pubout)',
      );
    return fail(
      `${label} has ${read.algorithm}, and there is no public key here`,
      'set auth.public_key or auth.jwks_url',
    );
  }
  const { known } = keySet;
  if (known.length === 0)
    return fail(`${label} needs the key set, of which nothing could be read`, 'see keys.set: doctor --only keys');
  const ids = known.map(({ kid }) => quote(kid ?? 'a key without kid')).join(', ');
  if (read.kid === undefined)
    return fail(
      `${label} names no key (kid), and none of those of the set that were tried matches: ${ids}`,
      'let the issuer write kid into the header of its tokens',
    );
  if (known.some(({ kid }) => kid === read.kid))
    return fail(
      `${label} names the key ${quote(read.kid)} of the set and was not signed with it`,
      'look whether issuer and auth.jwks_url are of the same provider and tenant',
    );
  return fail(
    `${label} names the key ${quote(read.kid)}, and the key set has ${ids}`,
    'publish the key at auth.jwks_url, or point auth.jwks_url to the provider that issued the token',
  );
}
