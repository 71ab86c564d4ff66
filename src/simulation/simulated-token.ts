/** Tokens of the simulated world. */
import { createHmac } from 'node:crypto';

export const SECRET = 'the secret of the simulated world, long enough';

/** Signing was a twentieth of a simulation's time, and most worlds have the same users. */
const known = new Map<string, string>();
const MAX_KNOWN = 1_000;

export function tokenOf(claims: { readonly sub: string } & Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify({ roles: ['user'], ...claims });
  const before = known.get(text);
  if (before !== undefined) return before;
  const unsigned = [JSON.stringify({ alg: 'HS256' }), text]
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
  const token = `${unsigned}.${createHmac('sha256', SECRET).update(unsigned).digest('base64url')}`;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(text, token);
  return token;
}
