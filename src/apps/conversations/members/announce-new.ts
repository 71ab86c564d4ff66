/** A conversation has begun: its members are told, also when they are away, and their connections follow it. Twice is once. */
import { follow } from '../positions/following.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Kind, Tables } from '../tables.ts';
import { liveTopicOf, topicOf } from '../topic.ts';
import { tellNotices } from './notices.ts';

export async function announceNew(
  ports: Ports,
  { tenant, user }: Pick<Actor, 'tenant' | 'user'>,
  { id, kind, users }: { readonly id: string; readonly kind: Kind; readonly users: readonly string[] },
): Promise<void> {
  const { host, database } = ports;
  const payload = { event: 'conversation', conversation: id, kind };
  const others = users.filter((other) => other !== user);
  const [isTold] = await Promise.all([
    tellNotices(
      { host },
      { tenant, from: user, key: id },
      others.map((other) => ({ user: other, payload })),
    ),
    // Before it was there, its members may have been told that there is none.
    ...[topicOf(id), liveTopicOf(id)].map((topic) => host.rightsChanged({ tenant, topic })),
  ]);
  await follow(host, tenant, users, id);
  // Else the relay does all of it again.
  if (!isTold) return;
  await database
    .tables<Tables>()
    .updateTable('conversations')
    .set({ is_told: true })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}
