/**
 * Members that type. Nothing is stored: members are told until when, and the one that types says so again before. When it does
 * not, a node says that it has stopped (typing-ends.ts).
 */
import type { Refusal } from '../../../protocol/errors.ts';
import { findMember, unknownConversation } from '../members/standing.ts';
import type { Actor } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { tellLive } from './live.ts';
import type { PositionPorts } from './ports.ts';
import { tellTyping } from './typing-ends.ts';

export interface TypingInput {
  readonly conversation: string;
  readonly isTyping: boolean;
}

export interface Typing {
  readonly conversation: string;
  readonly isTyping: boolean;
  /** Milliseconds since 1970, by the clock of the server; said again before that, it goes on. */
  readonly until: number | null;
}

export async function setTyping(
  ports: PositionPorts,
  actor: Actor,
  { conversation, isTyping }: TypingInput,
): Promise<Typing | Refusal> {
  const { host, database, settings } = ports;
  const { tenant, user } = actor;
  const me = await findMember(database.tables<Tables>(), { tenant, id: conversation, user });
  if (me?.status !== 'active') return unknownConversation(ports, conversation);
  if (me.role === 'reader' || me.can_send === false)
    return host.refuse('not_allowed', 'expected a member who may send', { details: { conversation } });
  const name = await ports.names(tenant, user);
  const who = { user, ...(name !== null && { name }) };
  if (!isTyping) {
    tellTyping(host, { tenant, ...who }, conversation, null);
    await tellLive(ports, actor, conversation, { event: 'typing', ...who, isTyping });
    return { conversation, isTyping, until: null };
  }
  const until = host.clock.now() + settings.typing_secs * 1_000;
  tellTyping(host, { tenant, ...who }, conversation, until);
  await tellLive(ports, actor, conversation, { event: 'typing', ...who, isTyping, until });
  return { conversation, isTyping, until };
}
