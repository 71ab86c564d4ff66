/** `GET /sse` for `EventSource`, `POST /sse` for who can set headers: a stream of events of some topics. */
import type { Node } from '../node/node.ts';
import type { Admitted, GuardedRoute, HttpRequest, HttpResponse, RequestHead, Verdict } from '../node/route.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import { arrive, refused, type Accepted } from './arrival.ts';
import { EventStream } from './event-stream.ts';
import { readJson } from './json.ts';
import { planOf, wishesOfBody, wishesOfQuery, type Wishes } from './wishes.ts';

/** What keeps proxies from holding events back, from compressing them, and from keeping them. */
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

export interface StreamSettings {
  readonly maxTopics: number;
}

export function sseRoutes(node: Node, { maxTopics }: StreamSettings): GuardedRoute[] {
  const route = (method: 'GET' | 'POST', read: (request: HttpRequest) => Wishes | Refusal): GuardedRoute => ({
    method,
    path: '/sse',
    maxBody: node.parts.context.limits.maxMessageSize,
    authorize: (head: RequestHead, decide: (verdict: Verdict) => void) => {
      arrive(node, 'sse', head, (admission) => {
        decide(admission.kind === 'refused' ? admission : streaming(node, admission, read, maxTopics));
      });
    },
  });
  return [
    route('GET', ({ query }) => wishesOfQuery(query)),
    route('POST', ({ body }) => {
      const value = readJson(body);
      return isRefusal(value) ? value : wishesOfBody(value.json);
    }),
  ];
}

function streaming(
  node: Node,
  admission: Accepted,
  read: (request: HttpRequest) => Wishes | Refusal,
  maxTopics: number,
): Admitted {
  const refuse = (problem: Refusal): HttpResponse => {
    admission.abandon();
    return refused(problem);
  };
  return {
    abandon: admission.abandon,
    handle: (request) => {
      const lapsed = node.parts.authenticator.lapsed(admission.principal);
      if (lapsed !== null) return refuse(lapsed);
      const wishes = read(request);
      if (isRefusal(wishes)) return refuse(wishes);
      // A browser's last event is newer than the address that it opened.
      const cursor = request.header('last-event-id') ?? wishes.cursor;
      const plan = planOf({ ...wishes, cursor }, admission.subscribe, maxTopics);
      if (isRefusal(plan)) return refuse(plan);
      const { random } = node.parts.context;
      return {
        status: 200,
        headers: HEADERS,
        body: new EventStream({ admission, plan, isPadded: wishes.isPadded, random }),
      };
    },
  };
}
