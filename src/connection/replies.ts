/** The control frames that the server answers with, in one place. Names and fields: docs/protocol.md. */
import { ERRORS, type Refusal } from '../protocol/errors.ts';
import type { ControlFrame, JsonValue } from '../protocol/frames.ts';
import type { OpenGap } from '../router/subscription.ts';

export function statusFrame(status: string, details: Readonly<Record<string, unknown>>): ControlFrame {
  return { type: 'Status', data: { status, details } };
}

/** What an application tells a client outside of any answer: `code` names the event, `data` is the application's. */
export function notificationFrame(event: string, data: JsonValue): ControlFrame {
  return { type: 'SystemNotification', data: { level: 'info', message: event, code: event, data } };
}

export function errorFrame(refused: Refusal): ControlFrame {
  return { type: 'Error', data: { ...errorData(refused) } };
}

interface ErrorData {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly temporary: boolean;
  readonly retry_after_ms?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

function errorData({ reason, message, retryAfterMs, details }: Refusal): ErrorData {
  const { code, temporary } = ERRORS[reason];
  return {
    code,
    reason,
    message,
    temporary,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
    ...(details === undefined ? {} : { details }),
  };
}

/** Why a topic or pattern is not subscribed to, or no longer, as it stands in a `Status`. */
export function rejection(topic: string, refused: Refusal): Rejection {
  return { topic, ...errorData(refused) };
}

/** The announcement of a loss; `name` is what the client calls the topic. */
export function gapFrame(name: string, gap: OpenGap): ControlFrame {
  switch (gap.cause) {
    case 'no_history':
      return { type: 'Gap', data: { topic: name, cause: gap.cause, count: gap.count } };
    case 'history_lost':
      return { type: 'Gap', data: { topic: name, cause: gap.cause, epoch: gap.epoch, sequence: gap.sequence } };
    default:
      return {
        type: 'Gap',
        data: {
          topic: name,
          cause: gap.cause,
          epoch: gap.epoch,
          from: gap.from,
          to: gap.to,
          count: gap.to - gap.from + 1,
        },
      };
  }
}

/** What a resume found: docs/protocol.md, `Subscribe`. */
export interface Recovery {
  readonly recovered: boolean;
  readonly missed: number;
  readonly reason?: string;
}

export interface Rejection extends ErrorData {
  readonly topic: string;
}
