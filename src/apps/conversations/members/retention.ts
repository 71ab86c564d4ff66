/**
 * Events that are older than `retention_days` are deleted, and the conversation begins behind it: its numbers stay. A piece of one
 * conversation is one transaction under its lock, and two nodes that do it at the same time pass each other's over.
 */
import type { Transaction } from 'kysely';
import type { Ports } from '../ports.ts';
import { numberUpTo } from '../messages/number.ts';
import type { Tables } from '../tables.ts';
import { topicOf } from '../topic.ts';

const DAY_MS = 86_400_000;
/** Conversations of one look. */
const CONVERSATIONS = 100;
/** Events of one transaction. */
const PIECE = 5_000;

interface Place {
  readonly tenant: string;
  readonly id: string;
}

type RetentionPorts = Pick<Ports, 'database' | 'settings'> & {
  readonly host: Pick<Ports['host'], 'clock' | 'withdraw'>;
};

/** @returns how many pieces of conversations were deleted */
export async function deleteOld(ports: RetentionPorts, isOver: () => boolean = () => false): Promise<number> {
  const { retention_days: days } = ports.settings;
  if (days === 0) return 0;
  const cutoff = new Date(ports.host.clock.now() - days * DAY_MS);
  let deleted = 0;
  for (;;) {
    const places = await withOld(ports, cutoff);
    let some = 0;
    for (const place of places) {
      if (isOver()) return deleted + some;
      const first = await deletePiece(ports, place, cutoff);
      if (first === null) continue;
      some += 1;
      // Logs are short, and perhaps not that short.
      await ports.host.withdraw(topicOf(place.id), first - 1, place.tenant);
    }
    deleted += some;
    // Those that are left are being looked after by another node.
    if (some === 0) return deleted;
  }
}

/** The oldest event that is kept is the one at `first`. */
async function withOld({ database }: RetentionPorts, cutoff: Date): Promise<readonly Place[]> {
  return database
    .tables<Tables>()
    .selectFrom('conversations')
    .innerJoin('events', (join) =>
      join
        .onRef('events.tenant', '=', 'conversations.tenant')
        .onRef('events.conversation', '=', 'conversations.id')
        .onRef('events.sequence', '=', 'conversations.first'),
    )
    .select(['conversations.tenant', 'conversations.id'])
    .where('events.sent_at', '<', cutoff)
    .limit(CONVERSATIONS)
    .execute();
}

/** @returns the first sequence that is kept; `null`: nothing was to be done */
function deletePiece({ database }: RetentionPorts, place: Place, cutoff: Date): Promise<number | null> {
  return database.transaction<Tables, number | null>(async (tables) => {
    const locked = await tables
      .selectFrom('conversations')
      .select(['first', 'head'])
      .where('tenant', '=', place.tenant)
      .where('id', '=', place.id)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (locked === undefined) return null;
    const first = await firstKept(tables, place, { ...locked, cutoff });
    if (first <= locked.first) return null;
    const gone = await numberUpTo(tables, place, first - 1);
    for (const table of ['reactions', 'events'] as const)
      await tables
        .deleteFrom(table)
        .where('tenant', '=', place.tenant)
        .where('conversation', '=', place.id)
        .where('sequence', '<', first)
        .execute();
    await tables
      .updateTable('conversations')
      .set(gone === null ? { first } : { first, gone })
      .where('tenant', '=', place.tenant)
      .where('id', '=', place.id)
      .execute();
    return first;
  });
}

async function firstKept(
  tables: Transaction<Tables>,
  { tenant, id }: Place,
  { first, head, cutoff }: { readonly first: number; readonly head: number; readonly cutoff: Date },
): Promise<number> {
  const kept = await tables
    .selectFrom('events')
    .select('sequence')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '>=', first)
    .where('sequence', '<', first + PIECE)
    .where('sent_at', '>=', cutoff)
    .orderBy('sequence')
    .limit(1)
    .executeTakeFirst();
  return kept?.sequence ?? Math.min(first + PIECE, head + 1);
}
