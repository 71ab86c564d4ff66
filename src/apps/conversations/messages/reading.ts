/** What of a conversation somebody may read. */
import type { Refusal } from '../../../protocol/errors.ts';
import { audit } from '../members/audit.ts';
import {
  find,
  readableBy,
  unknownConversation,
  type ConversationRow,
  type ReadableRange,
} from '../members/standing.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

export interface Readable {
  readonly conversation: ConversationRow;
  readonly range: ReadableRange;
}

/** @param action written down where the reader is no member and reads by a role of `admin_roles` */
export async function readable(ports: Ports, actor: Actor, id: string, action: string): Promise<Readable | Refusal> {
  const { tenant, user, roles } = actor;
  const found = await find(ports.database.tables<Tables>(), { tenant, id, user });
  if (found === null) return unknownConversation(ports, id);
  const { conversation, member } = found;
  const range = readableBy(member);
  if (range !== null) return { conversation, range };
  if (!roles.some((role) => ports.settings.admin_roles.includes(role))) return unknownConversation(ports, id);
  await audit(ports, actor, action, id);
  return { conversation, range: { after: 0, to: Number.MAX_SAFE_INTEGER } };
}
