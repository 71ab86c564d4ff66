/** Routes of applications as the edge serves them: deadline and failures around the application's handler. */
import { z } from 'zod';
import type { ApplicationRoute, CheckedRequest } from '../node/application-route.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpRequest, HttpResponse } from '../node/route.ts';
import { isRefusal, quote, type Refusal } from '../protocol/errors.ts';
import type { AppRoute, RouteResponse } from './app-route.ts';
import type { Called, Calls } from './calls.ts';

/** @param deadlineMs of routes that say none themselves */
export function applicationRoute(app: string, route: AppRoute, calls: Calls, deadlineMs: number): ApplicationRoute {
  const { method, path, access, summary, maxBody, cost = 1, crossOrigin = true } = route;
  const called = { part: 'route', name: `${method} ${path}`, deadlineMs: route.deadlineMs ?? deadlineMs } as const;
  return {
    app,
    method,
    path,
    access,
    summary,
    maxBody,
    cost,
    crossOrigin,
    writes: route.writes ?? method !== 'GET',
    body: typeof route.body === 'function' ? route.body(z) : (route.body ?? null),
    query: route.query?.(z) ?? null,
    answers: route.answers?.(z) ?? {},
    refused: route.refused === undefined ? null : (problem, request) => refused(route, problem, request, calls, called),
    answer: (request) => answer(route, request, calls, called),
  };
}

/** In the application's words, and with the headers of the server. A fault there is told in the server's words. */
function refused(
  route: AppRoute,
  problem: Refusal,
  request: Pick<HttpRequest, 'header'>,
  calls: Calls,
  called: Called,
): HttpResponse {
  const plain = refusalResponse(problem);
  try {
    const told = route.refused?.(problem, request);
    if (told === undefined) return plain;
    const { headers, ...response } = responseOf(told);
    return { ...response, status: told.status ?? plain.status, headers: { ...plain.headers, ...headers } };
  } catch (error) {
    calls.failed(called, error);
    return plain;
  }
}

async function answer(
  route: AppRoute,
  request: CheckedRequest,
  calls: Calls,
  called: Called,
): Promise<HttpResponse | Refusal> {
  const { parameters, query, body } = request;
  const given = [parameters, query, body];
  const answered = await calls.ask<RouteResponse | Refusal>({ ...called, given }, (signal) =>
    route.handle({ ...request, signal }),
  );
  try {
    return isAnswer(answered) && !isRefusal(answered) ? responseOf(answered) : answered;
  } catch (error) {
    return calls.failed(called, error);
  }
}

/** @throws when it is nothing that can be sent */
function isAnswer(answered: unknown): answered is RouteResponse | Refusal {
  if (typeof answered === 'object' && answered !== null) return true;
  throw new TypeError(`expected {status, headers, body} or a refusal as the answer, got ${quote(answered)}`);
}

function responseOf({ status, headers = {}, body = null }: RouteResponse): HttpResponse {
  const known = status ?? (body === null ? 204 : 200);
  if (!Number.isInteger(known) || known < 200 || known > 599)
    throw new TypeError(`expected a status from 200 to 599, got ${quote(known)}`);
  if (isPlain(body)) return { status: known, headers, body };
  // Here and not in the transport: what cannot be printed is this application's fault.
  const text = JSON.stringify(body);
  if (text === undefined) throw new TypeError('expected a body that is JSON, text, bytes or a stream');
  return { status: known, headers: { 'content-type': 'application/json', ...headers }, body: text };
}

/** What the transport sends as it is. */
function isPlain(body: unknown): boolean {
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return true;
  return typeof body === 'object' && Symbol.asyncIterator in body;
}
