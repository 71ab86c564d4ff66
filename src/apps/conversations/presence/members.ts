/** Which members of a conversation are online, for those who have just come: later they are told. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { HostPresence } from '../../host-api.ts';
import { findMember, unknownConversation } from '../members/standing.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { placeOf } from './online.ts';

export interface OnlinePage {
  readonly conversation: string;
  readonly users: readonly string[];
  readonly next: string | null;
}

const PAGE = 200;

/** A page of its active members, by their ids: those of them who are online. */
export async function onlineMembers(
  ports: Ports & { readonly presence: HostPresence },
  { tenant, user }: Actor,
  { conversation, after = '' }: { readonly conversation: string; readonly after?: string | undefined },
): Promise<OnlinePage | Refusal> {
  const tables = ports.database.tables<Tables>();
  const me = await findMember(tables, { tenant, id: conversation, user });
  if (me?.status !== 'active') return unknownConversation(ports, conversation);
  const rows = await tables
    .selectFrom('members')
    .select('user_id as user')
    .where('tenant', '=', tenant)
    .where('conversation', '=', conversation)
    .where('user_id', '>', after)
    .where('status', '=', 'active')
    .orderBy('user_id')
    .limit(PAGE + 1)
    .execute();
  const page = rows.slice(0, PAGE);
  const present = await ports.presence.present(
    tenant,
    page.map((member) => ({ place: placeOf(member.user), user: member.user })),
  );
  if (ports.host.isRefusal(present)) return present;
  const users = page.flatMap((member) => (present.has(member.user) ? [member.user] : []));
  return { conversation, users, next: rows.length > PAGE ? (page.at(-1)?.user ?? null) : null };
}
