import { SignJWT } from 'jose';

export const BENCH_SECRET = 'a secret for benchmarks only, 32 bytes or more';

/** A token of a user that may do everything that users may, or another role. */
export function benchToken(user: string, roles: readonly string[] = ['user']): Promise<string> {
  return new SignJWT({ roles })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(BENCH_SECRET));
}

const made = new Map<string, string[]>();

/** Tokens of so many different users. Made once: the same user keeps its token. */
export async function userTokens(count: number, prefix = 'user'): Promise<string[]> {
  const tokens = made.get(prefix) ?? [];
  made.set(prefix, tokens);
  for (let at = tokens.length; at < count; at += 1) tokens.push(await benchToken(`${prefix}-${at}`));
  return tokens.slice(0, count);
}
