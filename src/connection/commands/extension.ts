import { isRefusal, quote, refusal } from '../../protocol/errors.ts';
import type { ExtensionFrame } from '../../protocol/frames.ts';
import type { Connection } from '../connection.ts';
import { frameHandlerOf } from '../frame-handlers.ts';
import { statusFrame } from '../replies.ts';
import { mayWrite } from './checks.ts';

/** `X-*` frames go to the application that has the type. */
export async function extension(connection: Connection, frame: ExtensionFrame): Promise<void> {
  const handler = frameHandlerOf(connection.context.frameHandlers, frame.type);
  if (handler === undefined)
    return connection.refuse(
      frame,
      refusal('not_found', `expected a type that an application of this server handles, got ${quote(frame.type)}`),
    );
  if (handler.writes && !mayWrite(connection, frame)) return;
  const { underWay } = connection.context;
  const ending = new AbortController();
  underWay.set(connection, ending);
  const answer = await handler.handle(frame, connection, ending).finally(() => underWay.delete(connection));
  if (!connection.isOpen) return;
  if (isRefusal(answer)) connection.refuse(frame, answer);
  else connection.reply(frame, statusFrame(frame.type, answer));
}
