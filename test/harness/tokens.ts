/** Tokens for tests, signed by jose as an application's own server would. */
import { SignJWT } from 'jose';

export const SECRET = 'a secret for tests only, of at least 32 bytes';

export interface TokenOptions {
  readonly roles?: readonly string[];
  /** Seconds from now. */
  readonly expiresIn?: number;
  readonly secret?: string;
  /** Added to the claims, or put over them; `undefined` removes one. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export function tokenOf(user: string, options: TokenOptions = {}): Promise<string> {
  const { roles = ['user'], expiresIn = 3_600, secret = SECRET, claims = {} } = options;
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({ sub: user, roles, iat: now, exp: now + expiresIn, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}
