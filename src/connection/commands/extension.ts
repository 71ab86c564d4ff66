import { quote, refusal } from '../../protocol/errors.ts';
import type { ExtensionFrame } from '../../protocol/frames.ts';
import type { Connection } from '../connection.ts';
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
  if ('reason' in answer && 'message' in answer && typeof answer.message === 'string')
    return connection.refuse(frame, refusal(answer.reason as 'internal', answer.message));
  connection.reply(frame, statusFrame(frame.type, answer as Readonly<Record<string, unknown>>));
}
