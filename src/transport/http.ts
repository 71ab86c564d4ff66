/** Carries Routes over uWebSockets.js: copies the request, and answers it in every case. */
import type { HttpRequest as UwsRequest, HttpResponse as UwsResponse, TemplatedApp } from 'uWebSockets.js-compat';
import { refusalResponse } from '../node/refusal-response.ts';
import { refusal } from '../protocol/errors.ts';
import { allowHeader, type HttpResponse, type Method, type RequestHead, type Route } from '../node/route.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { percentProblem } from '../protocol/text.ts';
import { BodyBudgets, count, Exchange, type Surroundings } from './exchange.ts';
import { isAmbiguous, isCodedOtherwise, readHeaders, textProblem, trailerProblem, type Headers } from './headers.ts';
import { asksForHead, respond } from './response.ts';

const REGISTER = {
  GET: 'get',
  POST: 'post',
  PUT: 'put',
  PATCH: 'patch',
  DELETE: 'del',
  OPTIONS: 'options',
} as const satisfies Record<Method, keyof TemplatedApp>;

export function registerRoutes(app: TemplatedApp, routes: readonly Route[], counters: Counters, log: Log): void {
  const around = { counters, log, bodies: new BodyBudgets() };
  for (const route of routes) {
    app[REGISTER[route.method]](route.path, (res, req) => serve(route, res, req, around));
    if (route.method === 'GET') app.head(route.path, (res, req) => serve(route, res, req, around));
  }
  app.any('/*', (res, req) => {
    const startedAt = performance.now();
    const headers = readHeaders(req);
    const isHead = asksForHead(req);
    if (headers.repeated !== '' || isCodedOtherwise(headers)) return refuseRepeated(res, headers, isHead);
    const response = strayResponse(routes, req.getUrl());
    count(counters, 'other', response, startedAt);
    respond(res, response, { isHead });
  });
}

/** A path that there is not, or not with this method. */
function strayResponse(routes: readonly Route[], path: string): HttpResponse {
  const methods = routes.filter((route) => pathMatches(route.path, path)).map(({ method }) => method);
  if (methods.length === 0)
    return refusalResponse(refusal('not_found', 'expected a path that this server has: see docs/http.md'));
  const response = refusalResponse(refusal('method_not_allowed', `expected ${methods.join(' or ')}`));
  return { ...response, headers: { allow: allowHeader(methods) } };
}

/** Cut off without an answer when anything behind it could be taken for a request: the library reads on after one. */
function refuseRepeated(res: UwsResponse, headers: Headers, isHead: boolean): void {
  if (isAmbiguous(headers) || isCodedOtherwise(headers)) return void res.close();
  const problem = refusal('invalid_field', `expected one ${headers.repeated} header, got several`);
  respond(res, refusalResponse(problem), { isHead, ends: true });
}

function serve(route: Route, res: UwsResponse, req: UwsRequest, around: Surroundings): void {
  const headers = readHeaders(req);
  const isHead = asksForHead(req);
  if (headers.repeated !== '' || isCodedOtherwise(headers)) return refuseRepeated(res, headers, isHead);
  const problem =
    trailerProblem(headers) ??
    percentProblem(req.getUrl()) ??
    percentProblem(req.getQuery() ?? '') ??
    textProblem(headers);
  new Exchange({ route, res, head: copyRequest(route, res, req, headers.values), isHead }, around).begin(problem);
}

/** The library's request object is only valid in its own turn, so everything is copied. */
function copyRequest(
  route: Route,
  res: UwsResponse,
  req: UwsRequest,
  headers: ReadonlyMap<string, string>,
): RequestHead {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
  return {
    method: route.method,
    path: req.getUrl(),
    query: new URLSearchParams(req.getQuery()),
    header: (name) => headers.get(name),
    parameters: Object.fromEntries(names.map((name, at) => [name, decode(req.getParameter(at) ?? '')])),
    address: Buffer.from(res.getRemoteAddressAsText()).toString(),
  };
}

/** A text that cannot be decoded is refused before a handler sees it. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function pathMatches(pattern: string, path: string): boolean {
  const expected = pattern.split('/');
  const got = path.split('/');
  return expected.length === got.length && expected.every((part, at) => part.startsWith(':') || part === got[at]);
}
