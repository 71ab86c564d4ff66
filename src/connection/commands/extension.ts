import { ERRORS, isRefusal, quote, refusal, type Refusal } from '../../protocol/errors.ts';
import type { ExtensionFrame } from '../../protocol/frames.ts';
import type { Connection } from '../connection.ts';
import { describeFrame } from '../frame-description.ts';
import { statusFrame } from '../replies.ts';
import { mayWrite } from './checks.ts';

/** `X-*` frames go to the extension that registered the type. */
export async function extension(connection: Connection, frame: ExtensionFrame): Promise<void> {
  const handler = connection.context.extensions.get(frame.type);
  if (handler === undefined) {
    return connection.refuse(
      frame,
      refusal('not_found', `expected a type that an extension of this server handles, got ${quote(frame.type)}`),
    );
  }
  if (handler.writes && !mayWrite(connection, frame)) return;
  const answer = await handler.handle(frame, connection.principal);
  if (!connection.isOpen) return;
  if (!isRefusal(answer)) return connection.reply(frame, statusFrame(frame.type, answer));
  connection.refuse(frame, Object.hasOwn(ERRORS, answer.reason) ? answer : unknownReason(connection, frame, answer));
}

/** A fault of the extension and of nobody else: its caller is told, operators find it, and the connection has done nothing. */
function unknownReason({ context, id }: Connection, frame: ExtensionFrame, { reason }: Refusal): Refusal {
  const error = `the extension for ${frame.type} refused with ${quote(reason)}: expected a reason of docs/errors.md`;
  context.deadLetters.add({ at: context.clock.now(), actor: id, error, message: describeFrame(frame) });
  return refusal('internal', `the extension for ${frame.type} refused in a way that this server does not know`);
}
