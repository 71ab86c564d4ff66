/**
 * Web pages as callers (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol). The origins of `security.allowed_origins`
 * may call, by name and never by `*`; others are refused, as they are at the handshake. No credentials are asked for:
 * a token travels in a header that pages set themselves.
 */
import type { Origins } from '../node/origins.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import {
  allowHeader,
  type GuardedRoute,
  type HttpRequest,
  type HttpResponse,
  type Method,
  type Route,
} from '../node/route.ts';
import { RATE_HEADERS } from './rate-headers.ts';

const EXPOSED = [...RATE_HEADERS, 'retry-after', 'link', 'www-authenticate'].join(', ');
const ACCEPTED = 'authorization, content-type, idempotency-key, last-event-id, traceparent';
/** Seconds for which a browser need not ask again. */
const MAX_AGE = '600';

type Head = Pick<HttpRequest, 'header'>;

/**
 * The routes with what pages need to call them, and an `OPTIONS` for each path.
 * @param sendsCookies whether pages may send cookies along: for proxies that keep a client at its node by one
 */
export function crossOrigin(routes: readonly GuardedRoute[], origins: Origins, sendsCookies = false): Route[] {
  const paths = new Map<string, Method[]>();
  for (const { path, method } of routes) paths.set(path, [...(paths.get(path) ?? []), method]);
  return [
    ...routes.map((route) => guarded(route, origins, sendsCookies)),
    ...[...paths].map(([path, methods]) => preflight(path, methods, origins, sendsCookies)),
  ];
}

function guarded(route: GuardedRoute, origins: Origins, sendsCookies: boolean): GuardedRoute {
  return {
    ...route,
    headers: (request) => originHeaders(request, origins, sendsCookies),
    authorize: (head, decide) => {
      const problem = origins.problem(head.header('origin') ?? '');
      if (problem === null) route.authorize(head, decide);
      else decide({ answer: route.refused?.(problem, head) ?? refusalResponse(problem) });
    },
  };
}

function preflight(path: string, methods: readonly Method[], origins: Origins, sendsCookies: boolean): Route {
  return {
    method: 'OPTIONS',
    path,
    headers: (request) => ({
      ...originHeaders(request, origins, sendsCookies),
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    }),
    handle: (request) =>
      originProblem(request, origins) ?? {
        status: 204,
        headers: {
          allow: allowHeader([...methods, 'OPTIONS']),
          ...(request.header('origin') === undefined ? {} : permissions(methods)),
        },
        body: null,
      },
  };
}

function permissions(methods: readonly string[]): Record<string, string> {
  return {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': ACCEPTED,
    'access-control-max-age': MAX_AGE,
  };
}

function originHeaders(request: Head, origins: Origins, sendsCookies: boolean): Record<string, string> {
  // Also without an origin: a cache must not give such an answer to a page.
  const vary = { vary: 'Origin' };
  const origin = request.header('origin');
  if (origin === undefined || !origins.allows(origin)) return vary;
  return {
    ...vary,
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED,
    ...(sendsCookies && { 'access-control-allow-credentials': 'true' }),
  };
}

function originProblem(request: Head, origins: Origins): HttpResponse | null {
  const problem = origins.problem(request.header('origin') ?? '');
  return problem === null ? null : refusalResponse(problem);
}
