/** Conversations and their messages in the tables: what is made, and what is read. */
import type { Database } from '../../database/database.ts';
import type { Kind, Tables } from './tables.ts';

export interface NewConversation {
  readonly tenant: string;
  readonly id: string;
  readonly kind: Kind;
  /** Of the positions of its topic: it stays as long as the conversation. */
  readonly epoch: string;
  readonly members: readonly string[];
}

export interface StoredPage {
  readonly epoch: string;
  readonly head: number;
  /** The oldest sequence that is kept; `head + 1` when none is. */
  readonly first: number;
  readonly messages: readonly {
    readonly sequence: number;
    readonly sender: string;
    readonly clientId: string | null;
    /** Its number among messages; `null` for another event. */
    readonly n: number | null;
    /** Without `n`. */
    readonly payload: string;
    readonly sentAt: Date;
  }[];
}

export interface Unappended {
  readonly tenant: string;
  readonly id: string;
  readonly epoch: string;
  readonly head: number;
  readonly appended: number;
}

/** Twice is the same: the second call changes nothing. @returns whether it was made now */
export async function createConversation(database: Database, made: NewConversation): Promise<boolean> {
  const { tenant, id, kind, epoch } = made;
  return database.transaction<Tables, boolean>(async (tables) => {
    const { numInsertedOrUpdatedRows } = await tables
      .insertInto('conversations')
      .values({ tenant, id, kind, epoch, created_by: made.members[0] ?? '' })
      .onConflict((of) => of.doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 0n) return false;
    const members = made.members.map((user) => ({ tenant, conversation: id, user_id: user }));
    if (members.length > 0) await tables.insertInto('members').values(members).execute();
    return true;
  });
}

/** Messages with `after < sequence < before`, ascending. `null`: there is no such conversation. */
export async function readPage(
  database: Database,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  { after, before, limit }: { readonly after: number; readonly before: number; readonly limit: number },
): Promise<StoredPage | null> {
  const tables = database.tables<Tables>();
  const conversation = await tables
    .selectFrom('conversations')
    .select(['epoch', 'head'])
    .select((of) =>
      of
        .selectFrom('events')
        .select((message) => message.fn.min('sequence').as('first'))
        .where('tenant', '=', tenant)
        .where('conversation', '=', id)
        .as('first'),
    )
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
  if (conversation === undefined) return null;
  const messages = await tables
    .selectFrom('events')
    .select(['sequence', 'message as n', 'sender', 'client_id as clientId', 'payload', 'sent_at as sentAt'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '>', after)
    .where('sequence', '<', before)
    .orderBy('sequence')
    .limit(limit)
    .execute();
  const { epoch, head, first } = conversation;
  return { epoch, head, first: first ?? head + 1, messages };
}

/**
 * Conversations of which the log may lack something, by their ids.
 * @param ageSecs by the clock of the database: what is younger is being appended by the node that has stored it
 * @param last the page begins behind it
 */
export async function unappended(
  database: Database,
  ageSecs: number,
  limit: number,
  last: Unappended | null = null,
): Promise<readonly Unappended[]> {
  const { sql } = database;
  let query = database
    .tables<Tables>()
    .selectFrom('conversations')
    .select(['tenant', 'id', 'epoch', 'head', 'appended'])
    .where(sql<boolean>`is_behind`)
    .where('changed_at', '<', sql<Date>`now() - make_interval(secs => ${ageSecs}::float8)`);
  if (last !== null) query = query.where(sql<boolean>`(tenant, id) > (${last.tenant}, ${last.id})`);
  return query.orderBy('tenant').orderBy('id').limit(limit).execute();
}

/** The newest sequence that says something else since an edit or a deletion that may not have reached the log; 0: none does. */
export async function changedUpTo(database: Database, { tenant, id, head, appended }: Unappended): Promise<number> {
  const { rows } = await database.sql<{ readonly upto: number | null }>`
    select max(said.sequence) as upto
    from conversations.events as change
    cross join lateral (
      select change.about as sequence
      union all
      select edit.sequence from conversations.events as edit
      where edit.tenant = change.tenant and edit.conversation = change.conversation and edit.about = change.about
        and edit.sequence < change.sequence
    ) as said
    where change.tenant = ${tenant} and change.conversation = ${id} and change.about is not null
      and change.sequence > ${appended} and change.sequence <= ${head}`.execute(database.tables());
  return rows[0]?.upto ?? 0;
}

/** Never back: another node may know more. */
export async function markAppended(database: Database, { tenant, id, head }: Unappended): Promise<void> {
  await database
    .tables<Tables>()
    .updateTable('conversations')
    .set({ appended: head })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('appended', '<', head)
    .execute();
}
