/** One message of the publish API: what it must look like, and its way to the broker, the same as from a socket. */
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { readFrame } from '../protocol/guard.ts';
import { sliceField } from '../protocol/json-slice.ts';
import { MAX_TRACE_LENGTH } from '../protocol/limits.ts';
import {
  acknowledgementData,
  prepare,
  prepareLater,
  published,
  store,
  traceTimes,
  type Prepared,
  type PublishFrame,
} from '../service/publish.ts';
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

/** What is to be published, or why not; a promise when somebody has to be asked: then the next item waits for it. */
export function prepareItem(
  { parts: { context }, principal }: Call,
  frame: PublishFrame,
): Prepared | Refusal | Promise<Prepared | Refusal> {
  const prepared = prepare(context, { principal, lastTarget: null }, frame);
  if (prepared !== undefined) return prepared;
  return new Promise((resolve) => {
    prepareLater(context, principal, frame, () => false, resolve);
  });
}

/** Publishes, and answers with the data of the `Ack`, or why not. */
export function publishItem(
  { parts: { context }, principal }: Call,
  frame: PublishFrame,
  prepared: Prepared,
): Promise<object | Refusal> {
  const times = traceTimes(context, frame);
  return new Promise((resolve) => {
    store(context, prepared, (outcome) => {
      if (isRefusal(outcome)) return resolve(outcome);
      resolve(acknowledgementData(published(context, principal, frame, prepared, outcome, times)));
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
