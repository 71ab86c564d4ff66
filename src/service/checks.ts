/** What may be read, subscribed to and written, as far as it can be said at once. `undefined`: somebody has to be asked. */
import type { Principal } from '../auth/principal.ts';
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import { isSupportedPattern, isTopicName, looksLikePattern, ME, presentIn } from '../protocol/topic.ts';
import type { ServiceContext } from './context.ts';
import { invalidTopic } from './names.ts';
import { askAboutPresence, presenceProblem } from './presence-rights.ts';

/** Why nothing can be written now, or `null`. */
export function writeProblem({ node }: ServiceContext): Refusal | null {
  if (!node.isReadOnly) return null;
  return refusal('read_only', 'expected a request that only reads: the node is in read-only mode', 5_000);
}

/** Why a topic (a name, `@me` or `@presence.` and a name, no pattern) cannot be read by this principal, or `null`. */
export function readProblem(context: ServiceContext, principal: Principal, name: string): Refusal | null | undefined {
  const present = presentIn(name);
  if (present !== null) return presenceProblem(context, principal, 'presence.read', present);
  if (name !== ME && !isTopicName(name)) return invalidTopic(name);
  return context.authorizer.decide(principal, 'subscribe', name);
}

/** Why the principal may not subscribe to a topic or pattern, or `null`. */
export function subscribeProblem(
  context: ServiceContext,
  principal: Principal,
  name: string,
): Refusal | null | undefined {
  if (!looksLikePattern(name)) return readProblem(context, principal, name);
  if (isSupportedPattern(name)) return context.authorizer.decide(principal, 'subscribe', name);
  return refusal(
    'pattern_not_supported',
    `expected a literal first segment and ** only at the end, got ${quote(name)}`,
  );
}

/** Asks what {@link readProblem} or {@link subscribeProblem} could not say. A principal may be revoked meanwhile. */
export function askToRead(
  context: ServiceContext,
  principal: Principal,
  name: string,
  reply: (problem: Refusal | null) => void,
): void {
  const present = presentIn(name);
  if (present !== null) return askAboutPresence(context, principal, 'presence.read', present, reply);
  context.authorizer.ask(principal, 'subscribe', name, (problem) => reply(problem ?? context.revoked(principal)));
}
