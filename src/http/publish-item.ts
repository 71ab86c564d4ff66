/** One message of the publish API: what it must look like, and its way to the broker, the same as from a socket. */
import { countPublished } from '../connection/commands/checks.ts';
import { acknowledgement, acknowledgementData, prepare, type PublishFrame } from '../connection/commands/publish.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { readFrame } from '../protocol/guard.ts';
import { sliceField } from '../protocol/json-slice.ts';
import { MAX_TRACE_LENGTH } from '../protocol/limits.ts';
import type { Call } from './api.ts';

/** What HTTP headers say of a message that does not say it itself. */
export interface ItemHeaders {
  readonly idempotencyKey: string | undefined;
  readonly trace: string | undefined;
}

/**
 * Reads `{topic, payload, …}` or `{target_user, payload, …}` with the guards of the wire: the fields are those of
 * `Broadcast.data` and `DirectMessage.data`, with `id` and `trace` of the frame beside them.
 * @param value what `JSON.parse` makes of `text`
 */
export function readItem(value: unknown, text: string, headers: ItemHeaders): PublishFrame | Refusal {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refusal('malformed', 'expected an object {topic, payload} or {target_user, payload}');
  const item = value as Readonly<Record<string, unknown>>;
  const isDirect = item['target_user'] !== undefined;
  if (isDirect === (item['topic'] !== undefined))
    return refusal('invalid_field', `expected either topic or target_user, got ${isDirect ? 'both' : 'neither'}`);
  const { id, trace = traceOf(headers), idempotency_key: key = headers.idempotencyKey } = item;
  if (headers.idempotencyKey !== undefined && headers.idempotencyKey !== key)
    return refusal('invalid_field', 'idempotency_key: expected the same as in the Idempotency-Key header');
  const frame = readFrame(
    { type: isDirect ? 'DirectMessage' : 'Broadcast', id, trace, data: { ...item, idempotency_key: key } },
    (payload) => sliceField(text, 'payload') ?? JSON.stringify(payload),
  );
  if (frame.type === 'rejected') return inItemTerms(frame.refusal);
  return frame as PublishFrame;
}

/** Publishes, and answers with the data of the `Ack`, or why not. */
export function publishItem({ parts, principal }: Call, frame: PublishFrame): Promise<object | Refusal> {
  const { context } = parts;
  const prepared = prepare(context, principal, frame);
  if (isRefusal(prepared)) return Promise.resolve(prepared);
  const { topic, draft } = prepared;
  const { tracing } = context.router;
  const times = tracing.isOn ? tracing.validated(frame) : null;
  return new Promise((resolve) => {
    context.broker.publish(topic, draft, (outcome) => {
      if (isRefusal(outcome)) return resolve(outcome);
      countPublished({ context }, outcome);
      if (times !== null) tracing.stored(topic, outcome, draft, times);
      resolve(acknowledgementData(acknowledgement(frame, outcome, context.router.recipients(topic))));
    });
  });
}

/** A header that is no traceparent is as good as none (W3C Trace Context, section 3.2). */
function traceOf({ trace }: ItemHeaders): string | undefined {
  return trace !== undefined && trace.length <= MAX_TRACE_LENGTH ? trace : undefined;
}

/** The guard speaks of frames, whose `data` an item is. */
function inItemTerms({ reason, message }: Refusal): Refusal {
  return refusal(reason, message.replace(/^data\./, '').replace(/^data:/, 'payload:'));
}
