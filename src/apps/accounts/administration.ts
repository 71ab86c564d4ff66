/** What operators and backends do to accounts (role `service`). */
import { randomUUID } from 'node:crypto';
import { isRefusal, refusal, type Refusal } from '../../protocol/errors.ts';
import { writeAudit, type AuditAction, type Caller } from './audit.ts';
import { readPasswordHash } from './password-hash.ts';
import { passwordProblem } from './password-rules.ts';
import type { Asker, Ports } from './ports.ts';
import { endEverything } from './sessions.ts';
import { insertUser, listUsers, normalEmail, ownProfile, userOf, type OwnProfile, type UserRecord } from './users.ts';

export interface Wanted {
  readonly email: string;
  readonly displayName?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly password?: string | undefined;
  /** As another server has kept it: `$scrypt$ln=…,r=…,p=…$salt$hash`. */
  readonly passwordHash?: string | undefined;
  /** As other tables know the user; without, a new UUID. */
  readonly id?: string | undefined;
}

/** The tenant is the operator's: no other one can be named. */
export async function createUser(
  ports: Ports,
  { tenant, user: actor }: Asker,
  wanted: Wanted,
  caller: Caller,
): Promise<OwnProfile | Refusal> {
  const email = normalEmail(wanted.email);
  const password = await hashFor(ports, email, wanted);
  if (typeof password === 'object' && password !== null) return password;
  const { id = randomUUID(), displayName = email.split('@')[0] ?? email, roles = ports.settings.roles } = wanted;
  const now = ports.host.clock.now();
  const made = await insertUser(ports.database, { id, tenant, email, displayName, roles, password }, now);
  if (made === null) return refusal('wrong_state', 'expected an e-mail address and an id that no account has yet');
  await writeAudit(ports.database, { tenant, action: 'created', actor, user: id, ...caller }, now);
  return ownProfile(made);
}

async function hashFor(
  ports: Ports,
  email: string,
  { password, passwordHash }: Wanted,
): Promise<string | null | Refusal> {
  if (passwordHash !== undefined)
    return readPasswordHash(passwordHash) === null
      ? refusal('invalid_field', 'passwordHash: expected $scrypt$ln=15,r=8,p=3$salt$hash, in base64 without =')
      : passwordHash;
  return password === undefined ? null : goodHash(ports, email, password);
}

/** The hash of a password that the rules take. */
export async function goodHash(
  { passwords, settings }: Ports,
  email: string,
  password: string,
): Promise<string | Refusal> {
  const problem = passwordProblem(password, email, settings.password_min);
  if (problem !== null) return refusal('invalid_field', `password: ${problem}`);
  const hash = await passwords.hash(password);
  return hash ?? refusal('over_capacity', 'expected fewer passwords at once: this node is busy with others', 1_000);
}

export async function importUsers(
  ports: Ports,
  asker: Asker,
  users: readonly Wanted[],
  caller: Caller,
): Promise<{ readonly created: number; readonly refused: { readonly email: string; readonly reason: string }[] }> {
  const refused: { email: string; reason: string }[] = [];
  for (const wanted of users) {
    const made = await createUser(ports, asker, wanted, caller);
    if (isRefusal(made)) refused.push({ email: wanted.email, reason: made.message });
  }
  return { created: users.length - refused.length, refused };
}

export async function pageOfUsers(
  { database }: Ports,
  { tenant }: Asker,
  range: { readonly after: string; readonly limit: number },
): Promise<{ readonly users: OwnProfile[]; readonly next: string | null }> {
  const users = await listUsers(database, tenant, range);
  return { users: users.map(ownProfile), next: users.length < range.limit ? null : (users.at(-1)?.id ?? null) };
}

export type Measure = 'deactivate' | 'activate' | 'revoke';

const MEASURES: Readonly<Record<Measure, { readonly action: AuditAction; readonly isActive?: boolean }>> = {
  deactivate: { action: 'deactivated', isActive: false },
  activate: { action: 'activated', isActive: true },
  revoke: { action: 'revoked' },
};

/** @param whom id or e-mail address */
export async function takeMeasure(
  ports: Ports,
  asker: Asker,
  measure: Measure,
  whom: string,
  caller: Caller,
): Promise<OwnProfile | Refusal> {
  const user = await userOf(ports.database, asker.tenant, whom);
  if (user === undefined) return nobody();
  const { action, isActive } = MEASURES[measure];
  return endAndTell(ports, asker, user, caller, { action, ...(isActive !== undefined && { isActive }) });
}

export async function setPasswordOf(
  ports: Ports,
  asker: Asker,
  whom: string,
  password: string,
  caller: Caller,
): Promise<OwnProfile | Refusal> {
  const user = await userOf(ports.database, asker.tenant, whom);
  if (user === undefined) return nobody();
  const hash = await goodHash(ports, user.email, password);
  return typeof hash === 'object'
    ? hash
    : endAndTell(ports, asker, user, caller, { action: 'password_set', password: hash });
}

/** First in the table, so that nothing is refreshed; then the tokens that are out, on every node. */
async function endAndTell(
  { host, database, told }: Ports,
  { tenant, user: actor }: Asker,
  { id }: UserRecord,
  caller: Caller,
  { action, ...change }: { readonly action: AuditAction; readonly isActive?: boolean; readonly password?: string },
): Promise<OwnProfile | Refusal> {
  const now = host.clock.now();
  const changed = await endEverything(database, { tenant, user: id }, { because: action, ...change }, now);
  if (changed === undefined) return nobody();
  const { missed } = await host.revoke({ tenant, user: id }, { issuedBefore: now, isClosed: !changed.is_active });
  if (missed.length > 0) host.log.warn('Not every node has confirmed a revocation', { user: id, missed });
  await writeAudit(database, { tenant, action, actor, user: id, ...caller }, now);
  told(action);
  return ownProfile(changed);
}

function nobody(): Refusal {
  return refusal('not_found', 'expected an account of this tenant');
}
