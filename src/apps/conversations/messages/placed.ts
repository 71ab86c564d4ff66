/** A message at its place, within a change of its conversation. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { Locked } from '../members/change.ts';
import { readableBy } from '../members/standing.ts';
import type { Ports } from '../ports.ts';
import { COLUMNS, type EventRow } from './view.ts';

/** `null` where there is none that may be read: also for a sequence of another event. */
export async function messageAt({ tables, conversation, me }: Locked, sequence: number): Promise<EventRow | null> {
  const range = readableBy(me);
  if (range !== null && (sequence <= range.after || sequence > range.to)) return null;
  const row = await tables
    .selectFrom('events')
    .select(COLUMNS)
    .where('tenant', '=', conversation.tenant)
    .where('conversation', '=', conversation.id)
    .where('sequence', '=', sequence)
    .where('message', 'is not', null)
    .executeTakeFirst();
  return row ?? null;
}

export async function rewrite(
  { tables, conversation }: Locked,
  sequence: number,
  values: { readonly payload: string; readonly edited_at?: Date; readonly deleted_at?: Date },
): Promise<void> {
  await tables
    .updateTable('events')
    .set(values)
    .where('tenant', '=', conversation.tenant)
    .where('conversation', '=', conversation.id)
    .where('sequence', '=', sequence)
    .execute();
}

export function noSuchMessage({ host }: Pick<Ports, 'host'>, conversation: string, sequence: number): Refusal {
  return host.refuse('not_found', 'expected a message of this conversation', { details: { conversation, sequence } });
}
