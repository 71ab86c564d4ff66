/** `POST /api/publish`: one message, or an array of them, each answered on its own and in order. */
import type { Node } from '../node/node.ts';
import type { GuardedRoute, HttpRequest, HttpResponse } from '../node/route.ts';
import { mostOfUser, readingCost } from '../service/rates.ts';
import { ERRORS, isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { sliceElements } from '../protocol/json-slice.ts';
import { MAX_PUBLISH_ITEMS } from '../protocol/limits.ts';
import { surrogateProblem } from '../protocol/text.ts';
import { writeProblem } from '../service/checks.ts';
import type { Prepared, PublishFrame } from '../service/publish.ts';
import { apiRoute, refused, type Call } from './api.ts';
import { parseBody } from './json-body.ts';
import { prepareItem, publishItem, readItem, type ItemHeaders } from './publish-item.ts';

/** Bytes of a body, where one message may not be larger anyway. */
const MAX_BODY = 1_048_576;

export function publishRoutes(node: Node, trustedProxies: readonly string[]): GuardedRoute[] {
  const { maxMessageSize } = node.parts.context.limits;
  const maxBody = Math.max(MAX_BODY, maxMessageSize);
  return [apiRoute(node, trustedProxies, { method: 'POST', path: '/api/publish', cost: 1, maxBody, answer: publish })];
}

function publish(call: Call): Promise<HttpResponse> | HttpResponse {
  const { request, parts } = call;
  const problem = writeProblem(parts.context) ?? chargeReading(call);
  if (problem !== null) return refused(problem);
  const body = parseBody(request.body);
  if ('response' in body) return body.response;
  return Array.isArray(body.value) ? publishAll(call, body.value) : publishOne(call, body.value);
}

/** Before it is parsed, as a message of a socket is. One is paid with the request: no more than a full bucket together. */
function chargeReading(call: Call): Refusal | null {
  const { request, parts } = call;
  const cost = Math.min(readingCost(Buffer.byteLength(request.body)), mostOfUser(parts.context) - 1);
  return cost <= 0 ? null : call.charge(cost);
}

async function publishOne(call: Call, value: unknown): Promise<HttpResponse> {
  const answer = await take(call, value, call.request.body, headersOf(call.request)).answer;
  return isRefusal(answer) ? refused(answer) : { status: 200, body: answer };
}

/** 200 when all were accepted, 207 when a look at the single results is needed. */
async function publishAll(call: Call, items: readonly unknown[]): Promise<HttpResponse> {
  if (items.length === 0 || items.length > MAX_PUBLISH_ITEMS)
    return refused(
      refusal('malformed', `expected an array of 1 to ${MAX_PUBLISH_ITEMS} messages, got ${items.length}`),
    );
  const { idempotencyKey, trace } = headersOf(call.request);
  if (idempotencyKey !== undefined)
    return refused(
      refusal(
        'invalid_field',
        'expected an idempotency_key in each message: an Idempotency-Key header is for one message',
      ),
    );
  const texts = sliceElements(call.request.body);
  const started: Promise<object>[] = [];
  // Calls of one caller take effect in order, and none waits for the answer to the one before.
  for (const [at, item] of items.entries()) {
    // The first is paid with the request.
    const problem = at === 0 ? null : call.charge(1);
    const { taken, answer } =
      problem === null ? take(call, item, texts[at] ?? '', { idempotencyKey: undefined, trace }) : done(problem);
    started.push(answer);
    if (taken !== null) await taken;
  }
  const answers = await Promise.all(started);
  const isWhole = !answers.some((answer) => isRefusal(answer));
  return {
    status: isWhole ? 200 : 207,
    body: { results: answers.map((answer) => (isRefusal(answer) ? { error: errorOf(answer) } : answer)) },
  };
}

/** A message on its way. */
interface Taken {
  /** Over when the broker has it, or it was refused: the next message of the caller may follow. `null`: it is already. */
  readonly taken: Promise<unknown> | null;
  /** The data of its `Ack`, or why not. Never rejected: others of the array may be stored. */
  readonly answer: Promise<object>;
}

/** Reads and publishes one message. */
function take(call: Call, value: unknown, text: string, headers: ItemHeaders): Taken {
  const { maxMessageSize } = call.parts.context.limits;
  const size = Buffer.byteLength(text);
  if (size > maxMessageSize)
    return done(
      refusal(
        'payload_too_large',
        `expected at most ${maxMessageSize} bytes a message (websocket.max_message_size), got ${size}`,
      ),
    );
  const half = surrogateProblem(text);
  if (half !== null) return done(refusal('invalid_field', `message: ${half}`));
  const frame = readItem(value, text, headers);
  return isRefusal(frame) ? done(frame) : publishFrame(call, frame);
}

function publishFrame(call: Call, frame: PublishFrame): Taken {
  const failed = (error: unknown): Refusal => {
    call.parts.context.log.error('Publishing by HTTP failed', {
      error: error instanceof Error ? error.stack : String(error),
    });
    return refusal('internal', 'publishing this message failed because of a fault of the server');
  };
  const send = (prepared: Prepared | Refusal): Promise<object> =>
    isRefusal(prepared) ? Promise.resolve(prepared) : publishItem(call, frame, prepared);
  try {
    const prepared = prepareItem(call, frame);
    if (!(prepared instanceof Promise)) return { taken: null, answer: send(prepared).catch(failed) };
    // Wrapped, or waiting for the broker to have it would be waiting for its answer.
    const taken = prepared.then((known) => ({ answer: send(known) }));
    return { taken: taken.catch(() => null), answer: taken.then(({ answer }) => answer).catch(failed) };
  } catch (error) {
    return done(failed(error));
  }
}

function done(answer: object): Taken {
  return { taken: null, answer: Promise.resolve(answer) };
}

function errorOf({ reason, message, retryAfterMs, details }: Refusal): Record<string, unknown> {
  const more = { ...(retryAfterMs && { retry_after_ms: retryAfterMs }), ...(details && { details }) };
  return { code: ERRORS[reason].code, reason, message, ...more };
}

function headersOf(request: HttpRequest): ItemHeaders {
  // A structured field has quotes (draft-ietf-httpapi-idempotency-key-header), what most programs send has none.
  const key = request.header('idempotency-key');
  return {
    idempotencyKey: key === undefined ? undefined : (/^"(.*)"$/.exec(key)?.[1] ?? key),
    trace: request.header('traceparent'),
  };
}
