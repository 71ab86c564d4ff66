/** Positions in the table: what comes in one turn is one call and one commit. */
import { joinParts } from '../../../protocol/parts.ts';
import type { Database } from '../../../database/database.ts';
import type { GroupCommit } from '../../../database/group-commit.ts';

interface Move {
  readonly tenant: string;
  readonly conversation: string;
  readonly user: string;
  /** A sequence; what is beyond the newest message means that one. `null`: the newest. */
  readonly to: number | null;
  readonly isRead: boolean;
}

interface Moved {
  readonly hasMoved: boolean;
  readonly readTo: number;
  readonly deliveredTo: number;
  readonly unread: number;
}

/** `null` for a user who is no active member: also where there is no such conversation. */
export type Mover = GroupCommit<Move, Moved | null>;

interface Row {
  readonly n: number;
  readonly outcome: 'moved' | 'same' | 'not_found' | 'busy';
  readonly read_to: number;
  readonly delivered_to: number;
  readonly unread: number;
}

/** So that no call takes long: each item is a look at four rows. */
const MAX_ITEMS = 200;

export function moverOf(database: Database): Mover {
  return database.groupCommit<Move, Moved | null>({
    maxItems: MAX_ITEMS,
    write: async (batch) => {
      const answers: (Moved | null)[] = [];
      for (const wave of wavesOf(batch)) {
        const rows = await move(
          database,
          wave.map(({ item }) => item),
          false,
        );
        for (const [n, { item, at }] of wave.entries()) answers[at] = await settled(database, item, rows[n]);
      }
      return answers;
    },
  });
}

interface Placed {
  readonly item: Move;
  readonly at: number;
}

/**
 * Each member once in a call. A row that a transaction changes a second time is held against its foreign key again, for which
 * it waits for the conversation's lock, while it has rows that the holder of that lock may be waiting for.
 */
function wavesOf(batch: readonly Move[]): readonly (readonly Placed[])[] {
  const waves: Placed[][] = [];
  const seen = new Map<string, number>();
  for (const [at, item] of batch.entries()) {
    const key = joinParts(item.tenant, item.conversation, item.user);
    const wave = seen.get(key) ?? 0;
    seen.set(key, wave + 1);
    (waves[wave] ??= []).push({ item, at });
  }
  return waves;
}

/** A row that somebody else has is waited for alone, when nothing is held that others may wait for. */
async function settled(database: Database, item: Move, row: Row | undefined): Promise<Moved | null> {
  if (row?.outcome !== 'busy') return movedBy(row);
  const [again] = await move(database, [item], true);
  return movedBy(again);
}

function movedBy(row: Row | undefined): Moved | null {
  // Still busy is not possible for one that waits, but for a member who came in between: not one yet.
  if (row === undefined || row.outcome === 'not_found' || row.outcome === 'busy') return null;
  const { outcome, read_to: readTo, delivered_to: deliveredTo, unread } = row;
  return { hasMoved: outcome === 'moved', readTo, deliveredTo, unread };
}

async function move(database: Database, batch: readonly Move[], isWaiting: boolean): Promise<readonly Row[]> {
  const { rows } = await database.sql<Row>`select * from conversations.move_positions(
    ${batch.map((it) => it.tenant)}::text[],
    ${batch.map((it) => it.conversation)}::text[],
    ${batch.map((it) => it.user)}::text[],
    ${batch.map((it) => it.to)}::int8[],
    ${batch.map((it) => it.isRead)}::bool[],
    ${isWaiting}::bool
  )`.execute(database.tables());
  return rows;
}
