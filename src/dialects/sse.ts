/** `GET /sse` for `EventSource`, `POST /sse` for who can set headers: a stream of events of some topics. */
import type { Node } from '../node/node.ts';
import type { Admitted, GuardedRoute, HttpRequest, HttpResponse, RequestHead, Verdict } from '../node/route.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Accepted } from '../node/admission.ts';
import { arrive, refused } from './arrival.ts';
import { EventStream } from './event-stream.ts';
import { presencesOf } from './presences.ts';
import { readJson } from './json.ts';
import { planOf, wishesOfBody, wishesOfQuery, type Wishes } from './wishes.ts';

/** What a stream begins with: `presences` are frames by which its client enters topics. */
type StreamWishes = Wishes & { readonly presences: readonly string[] };

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
  const route = (method: 'GET' | 'POST', read: (request: HttpRequest) => StreamWishes | Refusal): GuardedRoute => ({
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
    route('GET', ({ query }) => {
      const wishes = wishesOfQuery(query);
      return isRefusal(wishes) ? wishes : { ...wishes, presences: [] };
    }),
    route('POST', ({ body }) => {
      const value = readJson(body);
      const wishes = isRefusal(value) ? value : wishesOfBody(value.json);
      if (isRefusal(wishes)) return wishes;
      const presences = presencesOf(wishes.fields['presence']);
      return isRefusal(presences) ? presences : { ...wishes, presences };
    }),
  ];
}

function streaming(
  node: Node,
  admission: Accepted,
  read: (request: HttpRequest) => StreamWishes | Refusal,
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
      const { isPadded, presences } = wishes;
      return {
        status: 200,
        headers: HEADERS,
        body: new EventStream({ admission, plan, presences, isPadded, random }),
      };
    },
  };
}
