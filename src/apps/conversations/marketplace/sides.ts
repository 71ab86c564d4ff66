/** The two sides of private conversations, as a marketplace calls them: a customer and an artist, and what each has not read. */
import type { Database } from '../../../database/database.ts';
import type { Tables } from '../tables.ts';

export interface Sides {
  readonly customer: Side | null;
  readonly artist: Side | null;
}

interface Side {
  readonly user: string;
  readonly unread: number;
  readonly archivedAt: string | null;
}

interface Row {
  readonly conversation: string;
  readonly user: string;
  readonly label: string | null;
  readonly unread: number;
  readonly archivedAt: Date | null;
  readonly isArchived: boolean;
  readonly by: string;
}

export const NO_SIDES: Sides = { customer: null, artist: null };

/** @param ids of conversations that the caller may see; those of more than two have no sides */
export async function sidesOf(
  database: Database,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Sides>> {
  if (ids.length === 0) return new Map();
  const { rows } = await database.sql<Row>`
    select member.conversation, member.user_id as "user", member.label, greatest(talk.messages - member.read_messages, 0) as unread,
      member.archived_at as "archivedAt", talk.created_by as by,
      member.archived_at is not null and member.archived_at >= talk.last_message_at as "isArchived"
    from unnest(${ids}::text[]) as given (id)
    join conversations.conversations as talk on talk.tenant = ${tenant} and talk.id = given.id and talk.kind = 'private'
    join conversations.members as member on member.tenant = ${tenant} and member.conversation = given.id`.execute(
    database.tables<Tables>(),
  );
  const found = new Map<string, Row[]>();
  for (const row of rows) found.set(row.conversation, [...(found.get(row.conversation) ?? []), row]);
  return new Map([...found].map(([id, members]) => [id, sidesAmong(members)]));
}

/** By their labels; where there are none, the user that has begun it is the customer. */
function sidesAmong(members: readonly Row[]): Sides {
  const labelled = (name: string): Row | undefined => members.find(({ label }) => label === name);
  const beginner = members.find(({ user, by }) => user === by) ?? members[0];
  const notArtist = labelled('customer') ?? beginner;
  const artist = labelled('artist') ?? members.find((member) => member !== notArtist);
  return { customer: sideOf(members.find((member) => member !== artist)), artist: sideOf(artist) };
}

function sideOf(row: Row | undefined): Side | null {
  if (row === undefined) return null;
  const { user, unread, archivedAt, isArchived } = row;
  return { user, unread, archivedAt: isArchived ? (archivedAt?.toISOString() ?? null) : null };
}
