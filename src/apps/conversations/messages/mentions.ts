/** Members that a message mentions: they are told in their own inboxes, where it waits for them. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Host } from '../../host-api.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { messageIdOf } from './payload.ts';

interface Mentioning {
  readonly tenant: string;
  readonly conversation: string;
  readonly sequence: number;
  readonly from: string;
}

/** Those of the users that are no active members. */
export async function strangersAmong(
  { database }: Pick<Ports, 'database'>,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  users: readonly string[],
): Promise<readonly string[]> {
  if (users.length === 0) return [];
  const rows = await database
    .tables<Tables>()
    .selectFrom('members')
    .select('user_id')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('user_id', 'in', [...new Set(users)])
    .where('status', '=', 'active')
    .execute();
  const members = new Set(rows.map((row) => row.user_id));
  return users.filter((user) => !members.has(user));
}

/** Of a payload as it is published. */
export function mentioned(payload: JsonValue): readonly string[] {
  const { mentions = [] } = payload as { readonly mentions?: readonly string[] };
  return mentions;
}

/** Nothing of what the message says is in it: a message that is deleted leaves nothing behind. Twice is once. */
export async function tellMentioned(
  { host }: { readonly host: Pick<Host, 'directMessage' | 'isRefusal' | 'log'> },
  { tenant, conversation, sequence, from }: Mentioning,
  users: readonly string[],
): Promise<void> {
  const message = messageIdOf(conversation, sequence);
  for (const user of users) {
    if (user === from) continue;
    const told = {
      from,
      idempotencyKey: `mention.${message}`,
      payload: { event: 'mention', conversation, of: sequence },
    };
    const answer = await host.directMessage({ tenant, user }, told);
    if (host.isRefusal(answer)) host.log.warn('A mention did not reach its user', { message, because: answer.reason });
  }
}
