/** Sequences of conversations that have no event in the table: there are none, unless somebody else has deleted rows. */
import type { Database } from '../../../database/database.ts';

/** @returns how many each of them lacks, by id; one that is not there is not among them */
export async function missingEvents(
  database: Database,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map();
  const { rows } = await database.sql<{
    readonly id: string;
    readonly missing: number;
  }>`select conversation.id, conversation.head - conversation.first + 1 - (
      select count(*) from conversations.events as event
      where event.tenant = conversation.tenant and event.conversation = conversation.id
        and event.sequence between conversation.first and conversation.head
    ) as missing
    from conversations.conversations as conversation
    where conversation.tenant = ${tenant} and conversation.id = any(${ids}::text[])`.execute(database.tables());
  return new Map(rows.map(({ id, missing }) => [id, Number(missing)]));
}
