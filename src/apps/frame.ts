/** Frames of an application: `X-` types, with a schema, a price and a deadline. */
import type { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { MaybePromise, Zod } from './vocabulary.ts';

/** The sender of a frame. */
export interface Caller {
  readonly connectionId: string;
  readonly sessionId: string;
  readonly principal: Principal;
  /** The frame's type: handlers of `X-Name-*` have many. */
  readonly type: string;
  /** The `id` of the frame. */
  readonly frameId: string | undefined;
  /** W3C traceparent of the frame. */
  readonly trace: string | undefined;
  /** Aborted when the deadline is over, or the connection is: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Tells this connection alone something, before the answer or later: a `SystemNotification` with `event` and `data`. */
  readonly notify: (event: string, data: JsonValue) => void;
}

/** The `data` of the reply's `Status`. */
export type FrameAnswer = Readonly<Record<string, JsonValue>> | undefined | Refusal;

export interface FrameDefinition<Data> {
  /** What `data` must be; without, a frame that carries any is refused. */
  readonly schema?: (z: Zod) => z.ZodType<Data>;
  /** Tokens of the rate limits that a frame costs; without, 1. */
  readonly cost?: number;
  /** Milliseconds for the answer; without, `apps.deadline_ms`. */
  readonly deadlineMs?: number;
  /** Whether read-only mode refuses it; without, it does. */
  readonly writes?: boolean;
  /** One terminal reply: a `Status` with what is returned, or an `Error` with the refusal. */
  handle(data: Data, caller: Caller): MaybePromise<FrameAnswer>;
}

/** A definition whose types have been checked against one another. */
export type Frame = FrameDefinition<unknown>;
