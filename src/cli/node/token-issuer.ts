/** Tokens that applications make, held against what the configuration lets this server accept. */
import type { Authenticator } from '../../auth/authenticator.ts';
import { hmacKey, issuerOf, privateSigningKey, type SigningKey, type TokenIssuer } from '../../auth/issuing.ts';
import type { Config } from '../../config/schema.ts';
import { secretBytes } from '../../config/secrets.ts';
import { isRefusal } from '../../protocol/errors.ts';
import { systemClock as clock } from '../../telemetry/system-clock.ts';

/** @throws when the server would not accept its tokens */
export function tokenIssuer({ auth }: Config, authenticator: Authenticator, privateKey?: string): TokenIssuer {
  const key = privateKey === undefined ? ownKey(auth) : privateSigningKey(privateKey, auth.algorithms);
  const issue = issuerOf(key, auth);
  const now = clock.now();
  const probe = authenticator.check(issue({ user: 'probe', roles: [], issuedAt: now, expiresAt: now + 60_000 }));
  if (isRefusal(probe))
    throw new Error(`expected [auth] to accept tokens that are made here with ${key.algorithm}, got: ${probe.message}`);
  return issue;
}

function ownKey({ jwt_secret: secret, algorithms }: Config['auth']): SigningKey {
  const algorithm = algorithms.find((name) => name.startsWith('HS'));
  if (secret === undefined || algorithm === undefined)
    throw new Error('expected auth.jwt_secret with HS256 in auth.algorithms, or a private key to sign tokens with');
  return hmacKey(algorithm, secretBytes(secret));
}
