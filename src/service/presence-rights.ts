/** The rights to be present in a topic, to see its members, and to count them: the token's rules say it, or the topic's owner. */
import type { Principal } from '../auth/principal.ts';
import type { PresenceAction } from '../auth/rights.ts';
import { membershipOf } from '../presence/presence-rules.ts';
import { ERRORS, notAllowed, quote, type Refusal } from '../protocol/errors.ts';
import { isTopicName } from '../protocol/topic.ts';
import type { ServiceContext } from './context.ts';
import { invalidTopic } from './names.ts';

type Asked = Pick<ServiceContext, 'presence' | 'authorizer' | 'revoked'>;
type Answered = (problem: Refusal | null) => void;

/** Why this principal may not do this with the presence of a topic, or `null`. `undefined`: its owner has to be asked. */
export function presenceProblem(
  { presence, authorizer }: Asked,
  principal: Principal,
  action: PresenceAction,
  topic: string,
): Refusal | null | undefined {
  if (!isTopicName(topic)) return invalidTopic(topic);
  if (presence !== null && membershipOf(presence.rules, topic) !== 'off')
    return authorizer.decide(principal, action, topic);
  const expected = 'expected a topic whose presence is kept (topics.presence, or presence of a rule)';
  return notAllowed(`${expected}, got ${quote(topic)}`, 'no_rule');
}

/** The same, also where the owner has to be asked. */
export function askAboutPresence(
  context: Asked,
  principal: Principal,
  action: PresenceAction,
  topic: string,
  reply: Answered,
): void {
  const known = presenceProblem(context, principal, action, topic);
  if (known !== undefined) return reply(known);
  context.authorizer.ask(principal, action, topic, (problem) => reply(problem ?? context.revoked(principal)));
}

/** Clients that may see the members may also count them. */
export function askToCount(context: Asked, principal: Principal, topic: string, reply: Answered): void {
  askAboutPresence(context, principal, 'presence.count', topic, (uncounted) => {
    if (uncounted === null || isForNow(uncounted)) return reply(uncounted);
    askAboutPresence(context, principal, 'presence.read', topic, (unread) => reply(unread === null ? null : uncounted));
  });
}

/** Nobody has decided: that is no reason to look for a lesser right. */
export function isForNow({ reason }: Refusal): boolean {
  return ERRORS[reason].temporary;
}
