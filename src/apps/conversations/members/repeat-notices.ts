/**
 * A node may be killed between the commit of a change and the notices to the users that it is about: the relay says them
 * again. Notices have keys, so a user whose node lives gets each once.
 */
import type { Ports } from '../ports.ts';
import type { Unappended } from '../store.ts';
import type { Tables } from '../tables.ts';
import { announceNew } from './announce-new.ts';
import { tellNotices, type Notice } from './notices.ts';

/** Events of one look. */
const EVENTS = 1_000;
/** Conversations of one look. */
const CONVERSATIONS = 100;

/** Of changes that lie between `appended` and `head`. */
export async function repeatNotices(
  { database, host }: Ports,
  { tenant, id, appended, head }: Unappended,
): Promise<void> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('events')
    .select(['sequence', 'sender', 'notices'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '>', appended)
    .where('sequence', '<=', head)
    .where('notices', 'is not', null)
    .limit(EVENTS)
    .execute();
  for (const { sequence, sender, notices } of rows)
    await tellNotices(
      { host },
      { tenant, from: sender, key: `${id}.${sequence}` },
      JSON.parse(notices ?? '[]') as readonly Notice[],
    );
}

/** Conversations that have begun, and whose members were perhaps not told. */
export async function repeatNew(ports: Ports, ageSecs: number): Promise<void> {
  const { database } = ports;
  const rows = await database
    .tables<Tables>()
    .selectFrom('conversations')
    .select(['tenant', 'id', 'kind', 'created_by'])
    .where('is_told', '=', false)
    .where('created_at', '<', database.sql<Date>`now() - make_interval(secs => ${ageSecs}::float8)`)
    .orderBy('created_at')
    .limit(CONVERSATIONS)
    .execute();
  for (const { tenant, id, kind, created_by: user } of rows) {
    const members = await database
      .tables<Tables>()
      .selectFrom('members')
      .select('user_id')
      .where('tenant', '=', tenant)
      .where('conversation', '=', id)
      .where('status', '=', 'active')
      .execute();
    await announceNew(ports, { tenant, user }, { id, kind, users: members.map((member) => member.user_id) });
  }
}
