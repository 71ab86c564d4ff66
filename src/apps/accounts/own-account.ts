/** What users do with their own accounts, and see of others. */
import { refusal, type Refusal } from '../../protocol/errors.ts';
import { goodHash } from './administration.ts';
import { writeAudit, type Caller } from './audit.ts';
import { loggedIn, type LoggedIn } from './logins.ts';
import { profilesOf, profileTopic, type Profile } from './people.ts';
import type { Asker, Ports } from './ports.ts';
import { endEverything } from './sessions.ts';
import { changeProfile, ownProfile, userOf, type OwnProfile, type ProfileChange } from './users.ts';

export async function me({ database }: Ports, { tenant, user }: Asker): Promise<OwnProfile | Refusal> {
  const found = await userOf(database, tenant, user);
  if (found === undefined || found.id !== user) return nobody();
  return found.is_active ? ownProfile(found) : refusal('account_inactive', 'this account was deactivated');
}

export async function profile({ database }: Ports, { tenant }: Asker, id: string): Promise<Profile | Refusal> {
  return (await profilesOf(database, tenant, [id])).get(id) ?? nobody();
}

/** Everybody who has subscribed to the profile is told, on all nodes. */
export async function updateMe(
  { database, host }: Ports,
  asker: Asker,
  change: ProfileChange,
  caller: Caller,
): Promise<OwnProfile | Refusal> {
  const now = host.clock.now();
  const changed = await changeProfile(database, asker, change, now);
  if (changed === undefined) return nobody();
  const { tenant, user } = asker;
  await writeAudit(database, { tenant, action: 'profile_changed', actor: user, user, ...caller }, now);
  const { id, displayName, avatar, bio, ...own } = ownProfile(changed);
  const payload = { event: 'profile', user: { id, displayName, avatar, bio } };
  const published = await host.publish(profileTopic(id), { tenant, payload });
  // The table has it: clients that read the profile get it.
  if (host.isRefusal(published)) host.log.warn('A change of a profile was not told', { reason: published.reason });
  return { id, displayName, avatar, bio, ...own };
}

/** Ends all sessions but the one that this answer begins. */
export async function changePassword(
  ports: Ports,
  asker: Asker,
  { currentPassword, newPassword }: { readonly currentPassword: string; readonly newPassword: string },
  caller: Caller,
): Promise<LoggedIn | Refusal> {
  const { host, database, passwords, sessions, throttle } = ports;
  const user = await userOf(database, asker.tenant, asker.user);
  if (user === undefined || user.id !== asker.user) return nobody();
  const refused = await throttle.attempt(user.email, `change ${caller.address}`, host.clock.now());
  if (refused !== null) return refused;
  const checked = await passwords.check(currentPassword, user.password);
  if (checked === null) return refusal('over_capacity', 'expected fewer passwords at once', 1_000);
  if (!checked.isRight) return refusal('not_allowed', 'currentPassword: expected the password of this account');
  const password = await goodHash(ports, user.email, newPassword);
  if (typeof password === 'object') return password;
  const now = host.clock.now();
  const changed = await endEverything(database, asker, { because: 'password_changed', password }, now);
  const given = changed === undefined ? null : await sessions.open(changed, caller, now);
  await host.revoke(asker, { issuedBefore: now });
  await throttle.succeeded(user.email);
  await writeAudit(database, { ...asker, action: 'password_changed', actor: user.id, ...caller }, now);
  return given === null ? nobody() : loggedIn(ports, given);
}

function nobody(): Refusal {
  return refusal('not_found', 'expected an account of this tenant');
}
