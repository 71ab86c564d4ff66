/** Frames of applications as the connection knows them: schema, deadline and caller around the application's handler. */
import type { Connection } from '../connection/connection.ts';
import type { FrameHandler } from '../connection/context.ts';
import { describeFrame } from '../connection/frame-description.ts';
import { notificationFrame } from '../connection/replies.ts';
import { ERRORS, isRefusal, quote, type Refusal } from '../protocol/errors.ts';
import type { ExtensionFrame, JsonValue } from '../protocol/frames.ts';
import { z } from 'zod';
import { schemaRefusal } from '../node/schema-refusal.ts';
import type { Calls } from './calls.ts';
import type { Caller, Frame, FrameAnswer } from './frame.ts';

type Answer = Readonly<Record<string, JsonValue>> | Refusal;

/** @param deadlineMs of frames that say none themselves */
export function frameHandler(type: string, frame: Frame, calls: Calls, deadlineMs: number): FrameHandler {
  const schema = frame.schema?.(z) ?? z.undefined({ error: 'expected no data' });
  const called = { part: 'frame', name: type, deadlineMs: frame.deadlineMs ?? deadlineMs } as const;
  const handle = async (received: ExtensionFrame, connection: Connection, ending: AbortController): Promise<Answer> => {
    const read = schema.safeParse(received.data);
    if (!read.success) return schemaRefusal(read.error, 'data');
    const message = `${connection.id} ${describeFrame(received)}`;
    const answer = await calls.ask({ ...called, message, ending, given: [{ data: received.data }] }, (signal) =>
      frame.handle(read.data, callerOf(connection, received, signal)),
    );
    try {
      return checkedAnswer(answer);
    } catch (error) {
      return calls.failed({ ...called, message }, error);
    }
  };
  return { writes: frame.writes ?? true, cost: frame.cost ?? 1, handle };
}

function callerOf(connection: Connection, { type, id, trace }: ExtensionFrame, signal: AbortSignal): Caller {
  return {
    connectionId: connection.id,
    sessionId: connection.sessionId,
    principal: connection.principal,
    type,
    frameId: id,
    trace,
    signal,
    notify: (event, data) => {
      if (connection.isOpen) connection.send(notificationFrame(event, data));
    },
  };
}

/** @throws when it is nothing that can be sent */
function checkedAnswer(answer: FrameAnswer): Answer {
  if (answer === undefined) return {};
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
    throw new TypeError(`expected an object, a refusal or nothing as the answer, got ${quote(answer)}`);
  if (!isRefusal(answer)) {
    // An answer that cannot be encoded would fail later, as a fault of the connection.
    JSON.stringify(answer);
    return answer;
  }
  if (!Object.hasOwn(ERRORS, answer.reason))
    throw new TypeError(`expected a refusal for a reason of docs/errors.md, got ${quote(answer.reason)}`);
  return answer;
}
