/** Sessions of a user: begun, listed, changed, deleted for a while, and restored. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { ASSISTANT, unknownSession, type Asker, type Ports } from '../ports.ts';
import type { SessionStatus, Tables } from '../tables.ts';
import { sessionView, stateOf, type SessionView } from './view.ts';

export interface SessionInput {
  readonly clientName?: string | undefined;
  readonly context?: string | undefined;
  readonly metadata?: Readonly<Record<string, JsonValue>> | undefined;
}

export interface SessionChange extends SessionInput {
  readonly status?: SessionStatus | undefined;
}

export interface ListInput {
  readonly limit?: number | undefined;
  readonly status?: 'active' | 'closed' | 'expired' | undefined;
  /** The `cursor` of the page before. */
  readonly after?: string | undefined;
}

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  /** `null` at the end. */
  readonly cursor: string | null;
}

const HOUR_MS = 3_600_000;
const PAGE = { usual: 20, most: 100 };

export async function beginSession(
  ports: Ports,
  { tenant, user }: Asker,
  input: SessionInput,
): Promise<SessionView | Refusal> {
  const { host, settings, database, conversations } = ports;
  if (user === ASSISTANT) return host.refuse('not_allowed', `expected another user than ${ASSISTANT}, which answers`);
  const refused = await tooMany(ports, { tenant, user });
  if (refused !== null) return refused;
  const id = `assistant-${host.random.id()}${host.random.id()}`;
  // The session first: a conversation without one is nobody's, and would be listed as a chat.
  const row = await database
    .tables<Tables>()
    .insertInto('sessions')
    .values({
      tenant,
      id,
      user_id: user,
      client_name: input.clientName ?? null,
      context: input.context ?? null,
      metadata: input.metadata === undefined ? null : JSON.stringify(input.metadata),
      // In whole milliseconds, as the cursors of lists have it.
      active_at: new Date(host.clock.now()),
      expires_at: new Date(host.clock.now() + settings.session_hours * HOUR_MS),
      deleted_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const opened = await conversations.open({
    tenant,
    id,
    metadata: { assistant: true },
    members: [
      // Messages of the user go through the assistant, which has to answer them.
      { user, role: 'reader' },
      { user: ASSISTANT, role: 'member' },
    ],
  });
  return host.isRefusal(opened) ? opened : sessionView(row, host.clock.now());
}

/** `null`: none of this user. */
export async function findSession({ database }: Pick<Ports, 'database'>, { tenant, user }: Asker, id: string) {
  const row = await database
    .tables<Tables>()
    .selectFrom('sessions')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('user_id', '=', user)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row ?? null;
}

export async function getSession(ports: Ports, asker: Asker, id: string): Promise<SessionView | Refusal> {
  const row = await findSession(ports, asker, id);
  return row === null ? unknownSession(ports) : sessionView(row, ports.host.clock.now());
}

export async function listSessions(
  { host, database }: Ports,
  { tenant, user }: Asker,
  { limit = PAGE.usual, status, after }: ListInput,
): Promise<SessionPage | Refusal> {
  const most = Math.min(limit, PAGE.most);
  const now = new Date(host.clock.now());
  let query = database
    .tables<Tables>()
    .selectFrom('sessions')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('user_id', '=', user)
    .where('deleted_at', 'is', null);
  if (status === 'closed') query = query.where('status', '=', 'closed');
  else if (status !== undefined)
    query = query.where('status', '=', 'active').where('expires_at', status === 'active' ? '>' : '<=', now);
  const place = after === undefined ? null : placeOf(after);
  if (after !== undefined && place === null)
    return host.refuse('invalid_field', 'after: expected the cursor of a page', { details: { field: 'after' } });
  if (place !== null)
    query = query.where(database.sql<boolean>`(active_at, id) < (${place.at}::timestamptz, ${place.id})`);
  const rows = await query
    .orderBy('active_at', 'desc')
    .orderBy('id', 'desc')
    .limit(most + 1)
    .execute();
  const page = rows.slice(0, most);
  const last = page.at(-1);
  return {
    sessions: page.map((row) => sessionView(row, now.getTime())),
    cursor: rows.length > most && last !== undefined ? cursorOf(last.active_at, last.id) : null,
  };
}

export async function changeSession(
  ports: Ports,
  { tenant, user }: Asker,
  id: string,
  { clientName, context, metadata, status }: SessionChange,
): Promise<SessionView | Refusal> {
  const { host, database, settings } = ports;
  const now = host.clock.now();
  const row = await database
    .tables<Tables>()
    .updateTable('sessions')
    .set({
      changed_at: new Date(now),
      ...(clientName !== undefined && { client_name: clientName }),
      ...(context !== undefined && { context }),
      ...(metadata !== undefined && { metadata: JSON.stringify(metadata) }),
      ...(status !== undefined && { status }),
      // A session that is opened again lives as long as a new one.
      ...(status === 'active' && { expires_at: new Date(now + settings.session_hours * HOUR_MS) }),
    })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('user_id', '=', user)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? unknownSession(ports) : sessionView(row, now);
}

/** It is hidden, and can be restored for a while. */
export async function deleteSession(ports: Ports, asker: Asker, id: string): Promise<null | Refusal> {
  return (await setDeleted(ports, asker, id, true)) ? null : unknownSession(ports);
}

export async function restoreSession(ports: Ports, asker: Asker, id: string): Promise<SessionView | Refusal> {
  return (await setDeleted(ports, asker, id, false)) ? getSession(ports, asker, id) : unknownSession(ports);
}

async function setDeleted(
  { host, database, settings }: Ports,
  { tenant, user }: Asker,
  id: string,
  isDeleted: boolean,
): Promise<boolean> {
  const now = host.clock.now();
  let query = database
    .tables<Tables>()
    .updateTable('sessions')
    .set({ deleted_at: isDeleted ? new Date(now) : null, changed_at: new Date(now) })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('user_id', '=', user);
  query = isDeleted
    ? query.where('deleted_at', 'is', null)
    : query.where('deleted_at', '>', new Date(now - settings.restore_hours * HOUR_MS));
  const { numUpdatedRows: rows } = await query.executeTakeFirst();
  return rows > 0n;
}

async function tooMany({ host, database, settings }: Ports, { tenant, user }: Asker): Promise<Refusal | null> {
  const now = host.clock.now();
  const counted = await database
    .tables<Tables>()
    .selectFrom('sessions')
    .select([
      database.sql<number>`count(*) filter (where status = 'active' and deleted_at is null and expires_at > ${new Date(now)})::int4`.as(
        'active',
      ),
      database.sql<number>`count(*) filter (where created_at > ${new Date(now - HOUR_MS)})::int4`.as('begun'),
    ])
    .where('tenant', '=', tenant)
    .where('user_id', '=', user)
    .executeTakeFirstOrThrow();
  if (counted.active >= settings.active_sessions)
    return host.refuse('wrong_state', `expected at most ${settings.active_sessions} active sessions: close one`);
  return counted.begun >= settings.sessions_per_hour
    ? host.refuse('rate_limited', `expected at most ${settings.sessions_per_hour} new sessions an hour`, {
        retryAfterMs: HOUR_MS / settings.sessions_per_hour,
      })
    : null;
}

/** @returns why no message may come to it, or `null` */
export function closedProblem(ports: Pick<Ports, 'host'>, row: Parameters<typeof stateOf>[0]): Refusal | null {
  const state = stateOf(row, ports.host.clock.now());
  return state === 'active'
    ? null
    : ports.host.refuse('wrong_state', `expected a session that is active, got one that is ${state}`);
}

function cursorOf(at: Date, id: string): string {
  return Buffer.from(JSON.stringify([at.getTime(), id])).toString('base64url');
}

function placeOf(cursor: string): { readonly at: Date; readonly id: string } | null {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as readonly unknown[];
    return typeof at === 'number' &&
      Number.isFinite(at) &&
      typeof id === 'string' &&
      id.length < 200 &&
      !id.includes('\0')
      ? { at: new Date(at), id }
      : null;
  } catch {
    return null;
  }
}
