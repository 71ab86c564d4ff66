/** Frames of clients: `X-Assistant…`. */
import type { z } from 'zod';
import type { Parts } from '../app.ts';
import type { FrameAnswer } from '../frame.ts';
import type { Host } from '../host-api.ts';
import type { Zod } from '../vocabulary.ts';
import type { Answering } from './answers/answering.ts';
import { ask, askAgain, current, stopAnswer } from './answers/asking.ts';
import type { Asker, Ports } from './ports.ts';
import {
  beginSession,
  changeSession,
  deleteSession,
  getSession,
  listSessions,
  restoreSession,
} from './sessions/sessions.ts';
import { tellTyping } from './sessions/typing.ts';
import { askBody, listQuery, sessionBody, sessionChange, sessionId } from './shapes.ts';

export function assistantFrames(host: Host, ports: Ports, answering: Answering): NonNullable<Parts['frames']> {
  const frame = <Schema extends z.ZodType>(
    schema: (z: Zod) => Schema,
    operation: (asker: Asker, data: z.output<Schema>) => Promise<object | null>,
    writes = true,
  ) =>
    host.frame<z.output<Schema>>({
      schema: schema as (z: Zod) => z.ZodType<z.output<Schema>>,
      writes,
      // Answers are made of what JSON has.
      handle: async (data, { principal }) => ((await operation(principal, data)) ?? undefined) as FrameAnswer,
    });
  const ofSession = (z: Zod) => z.strictObject({ session: sessionId(z) });
  return {
    'X-AssistantBegin': frame(sessionBody, (asker, data) => beginSession(ports, asker, data)),
    'X-AssistantSessions': frame(listQuery, (asker, data) => listSessions(ports, asker, data), false),
    'X-AssistantSession': frame(ofSession, (asker, { session }) => getSession(ports, asker, session), false),
    'X-AssistantChange': frame(
      (z) => sessionChange(z).extend({ session: sessionId(z) }),
      (asker, { session, ...change }) => changeSession(ports, asker, session, change),
    ),
    'X-AssistantDelete': frame(ofSession, (asker, { session }) => deleteSession(ports, asker, session)),
    'X-AssistantRestore': frame(ofSession, (asker, { session }) => restoreSession(ports, asker, session)),
    'X-AssistantAsk': frame(
      (z) => askBody(z).extend({ session: sessionId(z) }),
      (asker, data) => ask(ports, answering, asker, data),
    ),
    'X-AssistantAgain': frame(ofSession, (asker, { session }) => askAgain(ports, answering, asker, session)),
    'X-AssistantStop': frame(ofSession, (asker, { session }) => stopAnswer(ports, answering, asker, session)),
    'X-AssistantTyping': frame(
      (z) => z.strictObject({ session: sessionId(z), isTyping: z.boolean() }),
      (asker, data) => tellTyping(ports, asker, data),
    ),
    'X-AssistantCurrent': frame(ofSession, (asker, { session }) => current(ports, answering, asker, session), false),
  };
}
