/**
 * Logins and their refresh tokens. A refresh token is good once: it is exchanged for the next one of its family. One that
 * comes again was stolen, or its owner's was: then the whole family ends, for its owner too.
 */
import { hash, randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { Database } from '../../database/database.ts';
import type { Tables } from './tables.ts';
import type { UserRecord } from './users.ts';

export interface SessionLimits {
  readonly accessMs: number;
  readonly refreshMs: number;
  readonly sessionMs: number;
  readonly graceMs: number;
}

/** What is given to a client, beside the access token. */
export interface Given {
  readonly user: UserRecord;
  readonly session: string;
  readonly refreshToken: string;
  readonly accessId: string;
}

type Lost =
  | { readonly problem: 'unknown' | 'expired' | 'ended' | 'inactive' }
  | { readonly problem: 'reused'; readonly session: string; readonly user: UserRecord };

export type Exchanged = Given | Lost;

/** Whose it is can be seen in logs of proxies and by scanners for secrets. */
const PREFIX = 'sbr_';
const FORM = /^sbr_[A-Za-z0-9_-]{43}$/;

export class Sessions {
  private readonly database: Database;
  private readonly limits: SessionLimits;

  constructor(database: Database, limits: SessionLimits) {
    this.database = database;
    this.limits = limits;
  }

  /** @returns `null` when the account has changed since its password was read */
  open(
    { id, token_version: version }: UserRecord,
    from: { readonly address: string; readonly agent: string | null },
    now: number,
  ): Promise<Given | null> {
    return this.database.transaction<Tables, Given | null>(async (tables) => {
      const user = await lockedUser(tables, id);
      if (user === undefined || !user.is_active || user.token_version !== version) return null;
      const session = randomUUID();
      const [at, ends] = [new Date(now), new Date(now + this.limits.sessionMs)];
      const row = { id: session, user_id: id, created_at: at, expires_at: ends, ended_at: null, ended_because: null };
      await tables
        .insertInto('sessions')
        .values({ ...row, ...from })
        .execute();
      return { user, session, ...(await this.give(tables, session, now)) };
    });
  }

  exchange(token: string, now: number): Promise<Exchanged> {
    if (!FORM.test(token)) return Promise.resolve({ problem: 'unknown' });
    const digest = digestOf(token);
    return this.database.transaction<Tables, Exchanged>(async (tables) => {
      const found = await tables
        .selectFrom('refresh_tokens')
        .innerJoin('sessions', 'sessions.id', 'refresh_tokens.session')
        .select(['session', 'user_id'])
        .where('digest', '=', digest)
        .executeTakeFirst();
      if (found === undefined) return { problem: 'unknown' };
      // One after the other: of two that send the same token, one finds it used.
      const user = await lockedUser(tables, found.user_id);
      const session = await tables
        .selectFrom('sessions')
        .selectAll()
        .where('id', '=', found.session)
        .forUpdate()
        .executeTakeFirst();
      const row = await tables.selectFrom('refresh_tokens').selectAll().where('digest', '=', digest).executeTakeFirst();
      if (user === undefined || session === undefined || row === undefined) return { problem: 'unknown' };
      if (!user.is_active) return { problem: 'inactive' };
      if (session.ended_at !== null) return { problem: 'ended' };
      if (row.expires_at.getTime() <= now || session.expires_at.getTime() <= now) return { problem: 'expired' };
      if (row.used_at !== null && !(await this.wasLost(tables, row.used_at, row.successor, now))) {
        await endSessions(tables, [session.id], 'reused', now);
        return { problem: 'reused', session: session.id, user };
      }
      const given = await this.give(tables, session.id, now);
      await tables
        .updateTable('refresh_tokens')
        .set({ used_at: row.used_at ?? new Date(now), successor: digestOf(given.refreshToken) })
        .where('digest', '=', digest)
        .execute();
      return { user, session: session.id, ...given };
    });
  }

  /** Ends the session that an access token belongs to. @returns its id, or `null` when the token is of none */
  async endOf(user: string, accessId: string, because: string, now: number): Promise<string | null> {
    const found = await this.database
      .tables<Tables>()
      .selectFrom('refresh_tokens')
      .innerJoin('sessions', 'sessions.id', 'refresh_tokens.session')
      .select('sessions.id')
      .where('access_id', '=', accessId)
      .where('user_id', '=', user)
      .executeTakeFirst();
    if (found === undefined) return null;
    await endSessions(this.database.tables<Tables>(), [found.id], because, now);
    return found.id;
  }

  /** Ids of the access tokens of a session that may still be good. */
  async liveAccess(session: string, now: number): Promise<string[]> {
    const rows = await this.database
      .tables<Tables>()
      .selectFrom('refresh_tokens')
      .select('access_id')
      .where('session', '=', session)
      .where('issued_at', '>', new Date(now - this.limits.accessMs))
      .execute();
    return rows.map(({ access_id: id }) => id);
  }

  /** Whether its answer never came: nobody has used what it was exchanged for, which is good for nothing from now on. */
  private async wasLost(
    tables: Transaction<Tables>,
    usedAt: Date,
    successor: string | null,
    now: number,
  ): Promise<boolean> {
    if (now - usedAt.getTime() > this.limits.graceMs || successor === null || this.limits.graceMs === 0) return false;
    const replaced = await tables
      .updateTable('refresh_tokens')
      .set({ used_at: new Date(now) })
      .where('digest', '=', successor)
      .where('used_at', 'is', null)
      .executeTakeFirst();
    return replaced.numUpdatedRows > 0n;
  }

  private async give(
    tables: Transaction<Tables>,
    session: string,
    now: number,
  ): Promise<Pick<Given, 'refreshToken' | 'accessId'>> {
    const refreshToken = `${PREFIX}${randomBytes(32).toString('base64url')}`;
    const accessId = randomUUID();
    await tables
      .insertInto('refresh_tokens')
      .values({
        digest: digestOf(refreshToken),
        session,
        access_id: accessId,
        issued_at: new Date(now),
        expires_at: new Date(now + this.limits.refreshMs),
        used_at: null,
        successor: null,
      })
      .execute();
    return { refreshToken, accessId };
  }
}

/** Everything of a user ends: sessions, and the version of their tokens. @returns the account, or `undefined` when there is none */
export function endEverything(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  {
    because,
    isActive,
    password,
  }: { readonly because: string; readonly isActive?: boolean; readonly password?: string },
  now: number,
): Promise<UserRecord | undefined> {
  return database.transaction<Tables, UserRecord | undefined>(async (tables) => {
    const changed = await tables
      .updateTable('users')
      .set((of) => ({
        token_version: of('token_version', '+', 1),
        tokens_from: new Date(now),
        changed_at: new Date(now),
        ...(isActive !== undefined && { is_active: isActive }),
        ...(password !== undefined && { password }),
      }))
      .where('tenant', '=', tenant)
      .where('id', '=', user)
      .returningAll()
      .executeTakeFirst();
    if (changed === undefined) return undefined;
    const open = await tables
      .selectFrom('sessions')
      .select('id')
      .where('user_id', '=', user)
      .where('ended_at', 'is', null)
      .execute();
    const ids = open.map(({ id }) => id);
    if (ids.length > 0) await endSessions(tables, ids, because, now);
    return changed;
  });
}

async function endSessions(
  tables: Pick<Transaction<Tables>, 'updateTable'>,
  ids: readonly string[],
  because: string,
  now: number,
): Promise<void> {
  await tables
    .updateTable('sessions')
    .set({ ended_at: new Date(now), ended_because: because })
    .where('id', 'in', [...ids])
    .where('ended_at', 'is', null)
    .execute();
}

function lockedUser(tables: Transaction<Tables>, id: string): Promise<UserRecord | undefined> {
  return tables.selectFrom('users').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
