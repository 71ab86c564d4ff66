/** The frames that the test server answers with. */
import { ERRORS, type Reason } from '../../protocol/errors.ts';
import type { ServerData, ServerFrame } from '../../protocol/wire.ts';

export function status(name: string, details: object): ServerFrame {
  return { type: 'Status', data: { status: name, details } as unknown as ServerData };
}

export function answer(id: string | undefined, frame: ServerFrame): ServerFrame {
  return id === undefined ? frame : { ...frame, reply_to: id };
}

export function errorFrame(reason: Reason, replyTo?: string, retryAfterMs?: number): ServerFrame {
  const { code, temporary, when } = ERRORS[reason];
  const later = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
  const data = { code, reason, message: when, temporary, ...later } as ServerData;
  return answer(replyTo, { type: 'Error', data });
}
