/** What several frame types check or count alike. */
import type { Principal } from '../../auth/principal.ts';
import type { Published } from '../../broker/broker.ts';
import { notAllowed, quote, refusal, type Refusal } from '../../protocol/errors.ts';
import type { ClientFrame } from '../../protocol/frames.ts';
import { ME, isTopicName } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import type { ConnectionContext } from '../context.ts';

/** Whether the node takes writes now; if not, the frame is refused. */
export function mayWrite(connection: Connection, frame: ClientFrame): boolean {
  const refused = writeProblem(connection.context);
  if (refused !== null) connection.refuse(frame, refused);
  return refused === null;
}

/** Why nothing can be written now, or `null`. */
export function writeProblem({ node }: ConnectionContext): Refusal | null {
  if (!node.isReadOnly) return null;
  return refusal('read_only', 'expected a request that only reads: the node is in read-only mode', 5_000);
}

export function invalidTopic(name: string): Refusal {
  return refusal('invalid_topic', `expected 1 to 256 bytes of dotted segments [A-Za-z0-9_:-], got ${quote(name)}`);
}

/** Why a topic (a name or `@me`, no pattern) cannot be read by this client, or `null`. */
export function readProblem(
  { context, principal }: Pick<Connection, 'context' | 'principal'>,
  name: string,
): Refusal | null {
  if (name !== ME && !isTopicName(name)) return invalidTopic(name);
  return subscribeProblem(context, principal, name);
}

/** Why the client may not subscribe to a topic or pattern, or `null`. */
export function subscribeProblem({ rights }: ConnectionContext, principal: Principal, name: string): Refusal | null {
  if (rights.allows(principal, 'subscribe', name)) return null;
  const because = rights.denial(principal, 'subscribe', name) ?? 'no_rule';
  return notAllowed(`expected a topic that this token may subscribe to, got ${quote(name)}`, because);
}

/** One read of the log at a time: `History` and `GetMissedMessages` share the turn. */
export function pendingProblem({ isAsking, missed }: Connection): Refusal | null {
  if (!isAsking && missed === null) return null;
  return refusal('request_pending', 'expected one History or GetMissedMessages at a time');
}

export function countPublished({ context }: Pick<Connection, 'context'>, { duplicate }: Published): void {
  if (duplicate) context.counters.duplicates += 1;
  else context.counters.published += 1;
}
