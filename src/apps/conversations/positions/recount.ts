/** Whether what is unread is what the messages say: it is arithmetic, so a recount has nothing to correct. */
import type { Database } from '../../../database/database.ts';
import { readPlace, writeCursor } from './cursor.ts';

export interface Recounted {
  readonly conversations: number;
  readonly members: number;
  readonly messages: number;
  /** What differed from the messages, and was mended. */
  readonly corrections: number;
  /** Where the next part begins; `null` when this was the last one. */
  readonly next: string | null;
}

/** Of one call: so that it takes a second at most. */
const CONVERSATIONS = 500;
const EVENTS = 200_000;

interface Row extends Omit<Recounted, 'next'> {
  readonly tenant: string | null;
  readonly id: string | null;
}

/** @returns `null` when `after` is not what an earlier part has given */
export async function recount(database: Database, after: string | undefined): Promise<Recounted | null> {
  const cursor = after === undefined ? { tenant: '', id: '' } : readPlace(after);
  if (cursor === null) return null;
  const { rows } = await database.sql<Row>`select * from conversations.recount(
    ${cursor.tenant}::text, ${cursor.id}::text, ${CONVERSATIONS}::int8, ${EVENTS}::int8
  )`.execute(database.tables());
  const [row] = rows;
  if (row === undefined) throw new Error('expected one row of a recount');
  const { tenant, id, conversations, members, messages, corrections } = row;
  const next = tenant === null || id === null ? null : writeCursor(tenant, id);
  return { conversations, members, messages, corrections, next };
}
