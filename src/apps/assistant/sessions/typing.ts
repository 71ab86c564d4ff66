/** A user types in a session, which its other clients may show. Nothing of it is kept. */
import type { Refusal } from '../../../protocol/errors.ts';
import { unknownSession, type Asker, type Ports } from '../ports.ts';
import { findSession } from './sessions.ts';

export async function tellTyping(
  ports: Ports,
  asker: Asker,
  { session, isTyping }: { readonly session: string; readonly isTyping: boolean },
): Promise<null | Refusal> {
  const { host, conversations } = ports;
  const { tenant, user } = asker;
  if ((await findSession(ports, asker, session)) === null) return unknownSession(ports);
  const payload = { event: 'typing', user, isTyping };
  const told = await host.publish(conversations.liveTopicOf(session), { tenant, from: user, payload });
  return host.isRefusal(told) ? told : null;
}
