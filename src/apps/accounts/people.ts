/** What other applications may know of users: the public file of this application. */
import type { Database } from '../../database/database.ts';
import type { Tables } from './tables.ts';

/** What every user of the tenant may see of another. */
export interface Profile {
  readonly id: string;
  readonly displayName: string;
  readonly avatar: string | null;
  readonly bio: string | null;
}

export const PROFILE_COLUMNS = ['id', 'display_name as displayName', 'avatar', 'bio'] as const;

/** A user's topic: `{event: 'profile', user}` after every change, for those who show the name and the picture. */
export function profileTopic(user: string): string {
  return `profile.${user}`;
}

/**
 * Profiles of users who are active, by id; those who are not there are missing.
 * @param database of whichever application: the tables are in the schema of this one
 * @param users at most 1,000
 */
export async function profilesOf(
  database: Database,
  tenant: string,
  users: readonly string[],
): Promise<ReadonlyMap<string, Profile>> {
  if (users.length === 0) return new Map();
  const found = await database
    .tables<Tables>()
    .withSchema('accounts')
    .selectFrom('users')
    .select(PROFILE_COLUMNS)
    .where('tenant', '=', tenant)
    .where('is_active', '=', true)
    .where('id', 'in', [...users])
    .execute();
  return new Map(found.map((profile) => [profile.id, profile]));
}
