/** Tokens that a development server gives away: in its greeting and to its own page. */
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';

/** @returns `null` where tokens are not this server's to give: in production, or with a public key */
export function developmentSigner({
  profile,
  auth,
}: Config): ((user: string, roles: readonly string[]) => Promise<string>) | null {
  if (profile !== 'development' || auth.jwt_secret === undefined) return null;
  const secret = secretBytes(auth.jwt_secret);
  const alg = auth.algorithms.find((name) => name.startsWith('HS'));
  if (alg === undefined) return null;
  return async (user, roles) => {
    // Imported for the first token: a node that gives none away need not load it.
    const { SignJWT } = await import('jose');
    const jwt = new SignJWT({ roles }).setProtectedHeader({ alg }).setSubject(user);
    if (auth.issuer !== undefined) jwt.setIssuer(auth.issuer);
    if (auth.audience !== undefined) jwt.setAudience(auth.audience);
    return jwt.setIssuedAt().setExpirationTime('24h').sign(secret);
  };
}
