/** Carries Routes over uWebSockets.js: copies the request, reads the body, and answers or aborts in every case. */
import type { HttpRequest as UwsRequest, HttpResponse as UwsResponse, TemplatedApp } from 'uWebSockets.js-compat';
import { ERRORS, refusal, type Refusal } from '../protocol/errors.ts';
import type { HttpRequest, HttpResponse, Method, Route } from '../node/route.ts';
import type { Log } from '../telemetry/log.ts';
import { isAmbiguous, readHeaders, type Headers } from './headers.ts';

/** Bytes of a request body. */
const MAX_BODY = 1_048_576;

const REGISTER = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'del' } as const satisfies Record<
  Method,
  keyof TemplatedApp
>;

/** Status lines that are not obvious from the number alone. */
const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Payload Too Large',
  422: 'Unprocessable Entity',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export function registerRoutes(app: TemplatedApp, routes: readonly Route[], log: Log): void {
  for (const route of routes) app[REGISTER[route.method]](route.path, (res, req) => serve(route, res, req, log));
  app.any('/*', (res, req) => {
    const headers = readHeaders(req);
    if (headers.repeated !== '') return refuseRepeated(res, headers);
    const path = req.getUrl();
    const methods = routes.filter((route) => pathMatches(route.path, path)).map(({ method }) => method);
    if (methods.length === 0)
      return respond(
        res,
        refusalResponse(refusal('not_found', 'expected a path that this server has: see docs/http.md')),
      );
    respond(res, {
      ...refusalResponse(refusal('method_not_allowed', `expected ${methods.join(' or ')}`)),
      headers: { allow: methods.join(', ') },
    });
  });
}

/** A refusal as an HTTP answer; docs/protocol.md, "Endpoint". */
export function refusalResponse({ reason, message, retryAfterMs }: Refusal): HttpResponse {
  const { code } = ERRORS[reason];
  return {
    status: code,
    headers: {
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
      ...(code === 426 ? { 'sec-websocket-version': '13', upgrade: 'websocket' } : {}),
      ...(code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: { error: { code, reason, message } },
  };
}

/**
 * Must be called in the request's own turn, or after `res` was checked not to be aborted.
 * @param ends closes the connection after the answer: when it is not certain where the next request begins
 */
export function respond(res: UwsResponse, { status, headers = {}, body }: HttpResponse, ends = false): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  res.cork(() => {
    res.writeStatus(`${status} ${STATUS_TEXT[status] ?? ''}`.trim());
    if (headers['content-type'] === undefined)
      res.writeHeader('content-type', typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json');
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
    res.end(text, ends);
  });
}

/** Cut off without an answer when anything behind it could be taken for a request: the library reads on after one. */
function refuseRepeated(res: UwsResponse, headers: Headers): void {
  if (isAmbiguous(headers)) return void res.close();
  respond(res, refusalResponse(refusal('invalid_field', `expected one ${headers.repeated} header, got several`)), true);
}

function serve(route: Route, res: UwsResponse, req: UwsRequest, log: Log): void {
  let aborted = false;
  res.onAborted(() => {
    aborted = true;
  });
  const headers = readHeaders(req);
  if (headers.repeated !== '') return refuseRepeated(res, headers);
  const request = copyRequest(route, res, req, headers.values);
  readBody(res, (body) => {
    if (aborted) return;
    if (body === null)
      return respond(
        res,
        refusalResponse(refusal('payload_too_large', `expected a body of at most ${MAX_BODY} bytes`)),
      );
    answer(route, { ...request, body }, log).then(
      (response) => {
        if (!aborted) respond(res, response);
      },
      (error: unknown) => {
        log.error('HTTP answer failed', { path: route.path, error: String(error) });
        if (!aborted) res.close();
      },
    );
  });
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
): Omit<HttpRequest, 'body'> {
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

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function readBody(res: UwsResponse, done: (body: string | null) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let isOver = false;
  res.onData((chunk, isLast) => {
    if (isOver) return;
    size += chunk.byteLength;
    if (size > MAX_BODY) {
      isOver = true;
      return done(null);
    }
    // Copied: the chunk's memory belongs to the library and is gone after this call.
    chunks.push(Buffer.from(new Uint8Array(chunk)));
    if (isLast) done(Buffer.concat(chunks).toString('utf8'));
  });
}

function pathMatches(pattern: string, path: string): boolean {
  const expected = pattern.split('/');
  const got = path.split('/');
  return expected.length === got.length && expected.every((part, at) => part.startsWith(':') || part === got[at]);
}
