/** API keys of tenants: random, shown once, kept as their digest. */
import { hash, randomBytes, randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Database } from '../../database/database.ts';
import type { Tables } from './tables.ts';

/** No JWT begins so, and people who find a key in a repository can tell what it is. */
export const KEY_PREFIX = 'sbk_';
const KEY_BYTES = 32;
const KEY = /^sbk_[A-Za-z0-9_-]{43}$/;
const SHOWN = 4;

type Row = Selectable<Tables['api_keys']>;

/** A key as people see it. */
export interface ApiKey {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** `****` and its last four characters. */
  readonly key: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

export interface NewKey {
  readonly tenant: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly expiresAt: Date | null;
}

export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** What a key is revoked by, as a token by its `jti`. */
export function tokenIdOf(id: string): string {
  return `key:${id}`;
}

/** What a key is known by. It is random, so that one round of SHA-256 is enough. */
export function digestOfKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/** @returns `null` when the tenant has as many as it may have; else the key itself, which is nowhere else */
export async function insertKey(
  database: Database,
  { tenant, name, roles, expiresAt }: NewKey,
  most: number,
  now: number,
): Promise<{ readonly key: string; readonly shown: ApiKey } | null> {
  const key = `${KEY_PREFIX}${randomBytes(KEY_BYTES).toString('base64url')}`;
  const row = {
    digest: digestOfKey(key),
    id: randomUUID(),
    tenant,
    name,
    roles,
    ending: key.slice(-SHOWN),
    created_at: new Date(now),
    expires_at: expiresAt,
    revoked_at: null,
  };
  return database.transaction<Tables, { readonly key: string; readonly shown: ApiKey } | null>(async (tables) => {
    // One at a time of a tenant, so that the count holds.
    await tables.selectFrom('tenants').select('id').where('id', '=', tenant).forUpdate().execute();
    const { count } = await tables
      .selectFrom('api_keys')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('tenant', '=', tenant)
      .where('revoked_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (count >= most) return null;
    await tables.insertInto('api_keys').values(row).execute();
    return { key, shown: shownKey(row) };
  });
}

/** Also one that has ended: callers look with {@link keyEnd}. */
export async function findKey(database: Database, digest: string): Promise<Row | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('api_keys')
    .selectAll()
    .where('digest', '=', digest)
    .executeTakeFirst();
  return row ?? null;
}

/** The newest first. */
export async function listKeys(database: Database, tenant: string, limit: number): Promise<ApiKey[]> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('api_keys')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('created_at', 'desc')
    .limit(limit)
    .execute();
  return rows.map(shownKey);
}

/** @returns the key, also when it was revoked before; `null` when the tenant has none of this id */
export async function revokeKey(database: Database, tenant: string, id: string, now: number): Promise<Row | null> {
  const row = await database
    .tables<Tables>()
    .updateTable('api_keys')
    .set(({ fn }) => ({ revoked_at: fn.coalesce('revoked_at', database.sql<Date>`${new Date(now)}::timestamptz`) }))
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** Why a key is good no more, or `null`. */
export function keyEnd(
  { expires_at: expiresAt, revoked_at: revokedAt }: Row,
  now: number,
): 'revoked' | 'expired' | null {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt.getTime() <= now ? 'expired' : null;
}

export function shownKey(row: Row): ApiKey {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    roles: row.roles,
    key: `****${row.ending}`,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
