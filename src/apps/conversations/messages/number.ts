/** Messages have numbers of their own beside the sequences of all events. */
import type { Kysely } from 'kysely';
import type { Tables } from '../tables.ts';

/** @returns the number of the newest message that is still there up to a sequence, that one included; `null`: there is none */
export async function numberUpTo(
  tables: Kysely<Tables>,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  sequence: number,
): Promise<number | null> {
  const newest = await tables
    .selectFrom('events')
    .select('message')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '<=', sequence)
    .where('message', 'is not', null)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest?.message ?? null;
}
