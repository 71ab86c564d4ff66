/** Looks and acts of users that are no members, and refusals. */
import type { Kysely, Selectable } from 'kysely';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import type { Locked } from './change.ts';

interface Entry {
  readonly isAllowed?: boolean;
  readonly details?: Readonly<Record<string, JsonValue>>;
}

/** Awaited before anything is shown: what was seen is written down, or it is not seen. */
export async function audit(
  { database }: Pick<Ports, 'database'>,
  actor: Actor,
  action: string,
  conversation: string | null,
  { isAllowed = true, details }: Entry = {},
): Promise<void> {
  await write(database.tables<Tables>(), actor, {
    action,
    // Of a path that anybody may ask for.
    conversation: conversation?.slice(0, MAX_CONVERSATION) ?? null,
    is_allowed: isAllowed,
    details: details === undefined ? null : JSON.stringify(details),
  });
}

/** In the transaction of a change: what did not happen is not written down. */
export async function auditWithin(
  { tables, conversation }: Pick<Locked, 'tables' | 'conversation'>,
  actor: Actor,
  action: string,
): Promise<void> {
  await write(tables, actor, { action, conversation: conversation.id, is_allowed: true, details: null });
}

const DAY_MS = 86_400_000;
/** Rows of one statement. */
const PIECE = 5_000;

type OldPorts = Pick<Ports, 'database' | 'settings'> & { readonly host: Pick<Ports['host'], 'clock'> };

/** Rows that are older than `audit_days`. @returns how many were deleted */
export async function deleteOldAudit(
  { database, settings, host }: OldPorts,
  isOver: () => boolean = () => false,
): Promise<number> {
  if (settings.audit_days === 0) return 0;
  const cutoff = new Date(host.clock.now() - settings.audit_days * DAY_MS);
  const tables = database.tables<Tables>();
  for (let deleted = 0; ;) {
    if (isOver()) return deleted;
    const old = tables.selectFrom('audit').select('id').where('at', '<', cutoff).orderBy('at').limit(PIECE);
    const { numDeletedRows } = await tables.deleteFrom('audit').where('id', 'in', old).executeTakeFirstOrThrow();
    deleted += Number(numDeletedRows);
    if (numDeletedRows < BigInt(PIECE)) return deleted;
  }
}

const MAX_AGENT = 200;
const MAX_CONVERSATION = 128;

async function write(
  tables: Kysely<Tables>,
  { tenant, user, address, agent }: Actor,
  entry: Pick<Selectable<Tables['audit']>, 'action' | 'conversation' | 'is_allowed' | 'details'>,
): Promise<void> {
  const who = { tenant, actor: user, address: address ?? null, agent: agent?.slice(0, MAX_AGENT) ?? null };
  await tables
    .insertInto('audit')
    .values({ ...who, ...entry })
    .execute();
}
