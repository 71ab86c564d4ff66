/** Users in the table: what is read of them, and what is changed. */
import type { Selectable } from 'kysely';
import type { Database } from '../../database/database.ts';
import { PROFILE_COLUMNS, type Profile } from './people.ts';
import type { Tables } from './tables.ts';

export type UserRecord = Selectable<Tables['users']>;

/** What users see of themselves, and operators of them. */
export interface OwnProfile extends Profile {
  readonly email: string;
  readonly roles: readonly string[];
  readonly isActive: boolean;
  readonly createdAt: string;
}

/** Matches that are counted; beyond, `total` is this. */
const MAX_TOTAL = 1_000;

/** One form for what people write in several ways. */
export function normalEmail(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}

export function ownProfile(user: UserRecord): OwnProfile {
  const { id, email, display_name: displayName, avatar, bio, roles, is_active: isActive } = user;
  return { id, displayName, avatar, bio, email, roles, isActive, createdAt: user.created_at.toISOString() };
}

export function userByEmail(database: Database, email: string): Promise<UserRecord | undefined> {
  return database.tables<Tables>().selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst();
}

/** @param user id or e-mail address */
export function userOf(database: Database, tenant: string, user: string): Promise<UserRecord | undefined> {
  return database
    .tables<Tables>()
    .selectFrom('users')
    .selectAll()
    .where('tenant', '=', tenant)
    .where((of) => of.or([of('id', '=', user), of('email', '=', normalEmail(user))]))
    .orderBy((of) => of.case().when('id', '=', user).then(0).else(1).end())
    .executeTakeFirst();
}

/** A page in the order of ids. */
export function listUsers(
  database: Database,
  tenant: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<UserRecord[]> {
  const users = database.tables<Tables>().selectFrom('users').selectAll();
  return users.where('tenant', '=', tenant).where('id', '>', after).orderBy('id').limit(limit).execute();
}

/** Names of which a word begins so. E-mail addresses are neither searched nor shown: nobody learns who has an account. */
export async function searchUsers(
  database: Database,
  tenant: string,
  { q, limit }: { readonly q: string; readonly limit: number },
): Promise<{ readonly users: Profile[]; readonly total: number }> {
  const word = q
    .trim()
    .toLowerCase()
    .replaceAll(/[\\%_]/g, String.raw`\$&`);
  const { sql } = database;
  const matches = database
    .tables<Tables>()
    .selectFrom('users')
    .where('tenant', '=', tenant)
    .where('is_active', '=', true)
    .where(sql<boolean>`(lower(display_name) like ${`${word}%`} or lower(display_name) like ${`% ${word}%`})`);
  const users = await matches
    .select(PROFILE_COLUMNS)
    .orderBy(sql`lower(display_name)`)
    .orderBy('id')
    .limit(limit)
    .execute();
  if (users.length < limit) return { users, total: users.length };
  const counted = await matches.select('id').limit(MAX_TOTAL).execute();
  return { users, total: counted.length };
}

export interface ProfileChange {
  readonly displayName?: string | undefined;
  readonly avatar?: string | null | undefined;
  readonly bio?: string | null | undefined;
}

export function changeProfile(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  { displayName, avatar, bio }: ProfileChange,
  now: number,
): Promise<UserRecord | undefined> {
  return database
    .tables<Tables>()
    .updateTable('users')
    .set({
      ...(displayName !== undefined && { display_name: displayName }),
      ...(avatar !== undefined && { avatar }),
      ...(bio !== undefined && { bio }),
      changed_at: new Date(now),
    })
    .where('tenant', '=', tenant)
    .where('id', '=', user)
    .where('is_active', '=', true)
    .returningAll()
    .executeTakeFirst();
}

export interface NewUser {
  readonly id: string;
  readonly tenant: string;
  readonly email: string;
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly password: string | null;
}

/** @returns `null` when the e-mail address or the id is taken */
export async function insertUser(database: Database, user: NewUser, now: number): Promise<UserRecord | null> {
  const { displayName: display_name, ...same } = user;
  const at = new Date(now);
  const row = await database
    .tables<Tables>()
    .insertInto('users')
    .values({ ...same, display_name, created_at: at, changed_at: at })
    .onConflict((of) => of.doNothing())
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

export async function setPassword(database: Database, id: string, password: string, now: number): Promise<void> {
  await database
    .tables<Tables>()
    .updateTable('users')
    .set({ password, changed_at: new Date(now) })
    .where('id', '=', id)
    .execute();
}
