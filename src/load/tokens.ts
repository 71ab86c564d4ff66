/** Tokens for the users of a run. */
import { SignJWT } from 'jose';
import { secretBytes } from '../config/secrets.ts';
import type { Credentials, LoadPlan } from './plan.ts';

/** The name of a user: of constant width, because it stands in every publication. */
function userName({ runId }: Pick<LoadPlan, 'runId'>, user: number): string {
  return `load-${runId}-${String(user).padStart(6, '0')}`;
}

/** One per connection; connections of the same user share one. `null` where none is to be sent. */
export async function mintTokens(
  credentials: Credentials,
  plan: Pick<LoadPlan, 'runId'>,
  connections: readonly number[],
): Promise<(string | null)[]> {
  if (credentials.kind === 'none') return connections.map(() => null);
  if (credentials.kind === 'token') return connections.map(() => credentials.token);
  const { secret, roles, users } = credentials;
  const key = secretBytes(secret);
  const byUser = new Map<number, Promise<string>>();
  return Promise.all(
    connections.map((connection) => {
      const user = connection % users;
      const made = byUser.get(user) ?? mint(userName(plan, user), roles, key);
      byUser.set(user, made);
      return made;
    }),
  );
}

function mint(user: string, roles: readonly string[], key: Uint8Array): Promise<string> {
  return new SignJWT({ roles })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime('24h')
    .sign(key);
}
