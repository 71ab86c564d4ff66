/** Carries Routes over uWebSockets.js: copies the request, reads the body, and answers or aborts in every case. */
import type { HttpRequest as UwsRequest, HttpResponse as UwsResponse, TemplatedApp } from 'uWebSockets.js-compat';
import { refusalResponse } from '../node/refusal-response.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import {
  allowHeader,
  type HttpRequest,
  type HttpResponse,
  type Method,
  type RequestHead,
  type Route,
} from '../node/route.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { percentProblem } from '../protocol/text.ts';
import { BodyBudget, bytesOf, readBody, type Body } from './request-body.ts';
import { isStream, ResponseStream } from './response-stream.ts';
import { isAmbiguous, readHeaders, textProblem, type Headers } from './headers.ts';

/** Bytes of a request body, where the route does not say. */
const MAX_BODY = 1_048_576;
/** Bytes of all bodies that are still arriving. */
const MAX_BODIES = 67_108_864;

const REGISTER = {
  GET: 'get',
  POST: 'post',
  PUT: 'put',
  PATCH: 'patch',
  DELETE: 'del',
  OPTIONS: 'options',
} as const satisfies Record<Method, keyof TemplatedApp>;

/** Status lines that are not obvious from the number alone. */
const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  207: 'Multi-Status',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Where HTTP requests go, and what they are counted and logged in. */
interface Surroundings {
  readonly counters: Counters;
  readonly log: Log;
  readonly bodies: BodyBudget;
}

export function registerRoutes(app: TemplatedApp, routes: readonly Route[], counters: Counters, log: Log): void {
  const around = { counters, log, bodies: new BodyBudget(MAX_BODIES) };
  for (const route of routes) {
    app[REGISTER[route.method]](route.path, (res, req) => serve(route, res, req, around));
    if (route.method === 'GET') app.head(route.path, (res, req) => serve(route, res, req, around));
  }
  app.any('/*', (res, req) => {
    const headers = readHeaders(req);
    const isHead = asksForHead(req);
    if (headers.repeated !== '') return refuseRepeated(res, headers, isHead);
    const response = strayResponse(routes, req.getUrl());
    count(counters, 'other', response);
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

/** By route and class of status: both come from our own tables. */
function count({ httpRequests }: Counters, route: string, { status }: HttpResponse): void {
  httpRequests.add(`${route} ${Math.floor(status / 100)}xx`);
}

export interface AnswerTo {
  /** The request was `HEAD`: the client reads no body, and takes one for the head of the next answer. */
  readonly isHead: boolean;
  /** Closes the connection after the answer: when it is not certain where the next request begins. */
  readonly ends?: boolean;
}

export function asksForHead(req: UwsRequest): boolean {
  return req.getMethod() === 'head';
}

/** Must be called in the request's own turn, or after `res` was checked not to be aborted. */
export function respond(
  res: UwsResponse,
  { status, headers = {}, body }: HttpResponse,
  { isHead, ends = false }: AnswerTo,
): void {
  res.cork(() => {
    res.writeStatus(statusLine(status));
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
    if (body === null) {
      res.endWithoutBody();
      return;
    }
    if (headers['content-type'] === undefined) res.writeHeader('content-type', mediaTypeOf(body));
    const content = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    if (!isHead) res.end(content, ends);
    else if (ends) res.endWithoutBody(0, true);
    else {
      // Not as an argument of the end: the library would wait for the bytes of that length.
      res.writeHeader('content-length', String(Buffer.byteLength(content)));
      res.endWithoutBody();
    }
  });
}

function statusLine(status: number): string {
  return `${status} ${STATUS_TEXT[status] ?? ''}`.trim();
}

function mediaTypeOf(body: unknown): string {
  if (typeof body === 'string') return 'text/plain; charset=utf-8';
  return body instanceof Uint8Array ? 'application/octet-stream' : 'application/json';
}

/** Cut off without an answer when anything behind it could be taken for a request: the library reads on after one. */
function refuseRepeated(res: UwsResponse, headers: Headers, isHead: boolean): void {
  if (isAmbiguous(headers)) return void res.close();
  const problem = refusal('invalid_field', `expected one ${headers.repeated} header, got several`);
  respond(res, refusalResponse(problem), { isHead, ends: true });
}

function serve(route: Route, res: UwsResponse, req: UwsRequest, { counters, log, bodies }: Surroundings): void {
  let aborted = false;
  let stream: ResponseStream | null = null;
  const headers = readHeaders(req);
  const isHead = asksForHead(req);
  if (headers.repeated !== '') return refuseRepeated(res, headers, isHead);
  const problem = percentProblem(req.getUrl()) ?? percentProblem(req.getQuery() ?? '') ?? textProblem(headers);
  const request = copyRequest(route, res, req, headers.values);
  const send = (response: HttpResponse): void => {
    if (aborted) return;
    count(counters, route.path, response);
    const whole = { ...response, headers: { ...route.headers?.(request), ...response.headers } };
    if (!isStream(whole.body)) return respond(res, whole, { isHead });
    stream = new ResponseStream(res, whole.body, log);
    stream.begin(statusLine(whole.status), whole.headers, isHead);
  };
  const handle = (body: string, bytes?: Uint8Array): void => {
    answer(route, { ...request, body, ...(bytes !== undefined && { bytes }) }, log)
      .then(send)
      .catch((error: unknown) => {
        log.error('HTTP answer failed', { path: route.path, error: String(error) });
        if (!aborted) res.close();
      });
  };
  const maxBytes = route.maxBody ?? MAX_BODY;
  // Nothing is kept of a body that says itself that it is too large.
  if (problem === null && Number(headers.values.get('content-length') ?? 0) > maxBytes)
    return send(refusalResponse(bodyRefusal({ problem: 'too_large' }, maxBytes)));
  // Before the body: whoever has no token could let one arrive for as long as the library waits. The library drops the rest.
  if (problem === null && hasBody(request) && route.lacksToken?.(request) === true) {
    res.onAborted(() => {
      aborted = true;
      stream?.abandon();
    });
    return handle('');
  }
  const share = bodies.shareOf(() => route.senderOf?.(request) ?? request.address, maxBytes);
  const arrived = (body: Body): void => {
    if (aborted) return;
    if (problem !== null) return send(refusalResponse(refusal('malformed', problem)));
    if ('problem' in body) return send(refusalResponse(bodyRefusal(body, maxBytes)));
    if ('bytes' in body) handle('', body.bytes);
    else handle(body.text);
  };
  const reading = readBody(res, maxBytes, share, arrived, route.takesBytes === true ? bytesOf : undefined);
  res.onAborted(() => {
    aborted = true;
    reading.abandon();
    stream?.abandon();
  });
}

function hasBody({ header }: RequestHead): boolean {
  return header('transfer-encoding') !== undefined || (header('content-length') ?? '0') !== '0';
}

function bodyRefusal(body: Extract<Body, { problem: string }>, maxBytes: number): Refusal {
  if (body.problem === 'not_text')
    return refusal('malformed', `expected a body in UTF-8, got something else at byte ${body.at}`);
  return body.problem === 'too_large'
    ? refusal('payload_too_large', `expected a body of at most ${maxBytes} bytes`)
    : refusal('over_capacity', 'expected fewer large requests at the same time', 1_000);
}

async function answer(route: Route, request: HttpRequest, log: Log): Promise<HttpResponse> {
  try {
    return await route.handle(request);
  } catch (error) {
    log.error('HTTP handler failed', { path: route.path, error: error instanceof Error ? error.stack : String(error) });
    return refusalResponse(refusal('internal', 'the request failed because of a fault of the server'));
  }
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

/** What cannot be decoded is refused before a handler sees it. */
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
