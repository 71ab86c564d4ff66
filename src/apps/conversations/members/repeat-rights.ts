/** A node may be killed between the commit of a change of members and the word to the other nodes: the relay says it again. */
import type { Ports } from '../ports.ts';
import type { Unappended } from '../store.ts';
import type { Tables } from '../tables.ts';
import { liveTopicOf, topicOf } from '../topic.ts';

interface MembersEvent {
  readonly event: string;
  readonly changes?: readonly { readonly user: string }[];
}

/** Events of one look; a change of members among more of them is another round's. */
const EVENTS = 1_000;

/** Of what lies between `appended` and `head`. The word of a node that lives is said twice, which changes nothing. */
export async function repeatRights(
  { database, host }: Pick<Ports, 'database'> & { readonly host: Pick<Ports['host'], 'rightsChanged'> },
  { tenant, id, appended, head }: Unappended,
): Promise<void> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('events')
    .select('payload')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '>', appended)
    .where('sequence', '<=', head)
    .where('message', 'is', null)
    .limit(EVENTS)
    .execute();
  const changes = rows.flatMap(({ payload }) => {
    const { event, changes: some = [] } = JSON.parse(payload) as MembersEvent;
    return event === 'members' ? some : [];
  });
  const users = [...new Set(changes.map(({ user }) => user))];
  await Promise.all(
    users.flatMap((user) =>
      [topicOf(id), liveTopicOf(id)].map((topic) => host.rightsChanged({ user: { tenant, user }, topic })),
    ),
  );
}
