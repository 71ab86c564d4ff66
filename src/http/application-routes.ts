/** Routes of applications, behind the same door as the API for backends: token, rates, role, then query and body. */
import { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import { KeyedBuckets } from '../limits/keyed-buckets.ts';
import type { ApplicationRoute } from '../node/application-route.ts';
import { networkOf } from '../node/client-address.ts';
import type { Node, NodeParts } from '../node/node.ts';
import type { GuardedRoute, HttpRequest, HttpResponse, RequestHead, Verdict } from '../node/route.ts';
import { schemaRefusal } from '../node/schema-refusal.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { writeProblem } from '../service/checks.ts';
import { chargeUser } from '../service/rates.ts';
import { addressOf, authenticate, refused, roleProblem, servingProblem, withHeaders, withRetry } from './api.ts';
import { readBody } from './json-body.ts';
import { addressRate, strangerRate, userRate } from './rate-headers.ts';

/** Addresses of strangers that are remembered for their rate. */
const STRANGERS = 100_000;
const ADMIN = 'admin';

export function applicationRoutes(
  node: Node,
  trustedProxies: readonly string[],
  routes: readonly ApplicationRoute[],
): GuardedRoute[] {
  const { parts } = node;
  // A stranger is charged by address and at the rate of a user: nobody else's tokens are spent.
  const strangers = new KeyedBuckets(parts.context.users.rate, STRANGERS);
  const senderOf = addressOf(trustedProxies);
  return routes.map((route) => ({
    method: route.method,
    path: route.path,
    senderOf,
    ...(route.refused === null ? {} : { refused: (problem, request) => refusedBy(route, problem, request) }),
    ...(route.maxBody === undefined ? {} : { maxBody: route.maxBody }),
    ...(route.body === 'bytes' || route.body === 'stream' ? { takes: route.body } : {}),
    authorize: (head, decide) => {
      const away = servingProblem(parts);
      if (away !== null) return decide({ answer: refusedBy(route, away, head) });
      const address = senderOf(head);
      if (route.access === 'public') return decide(admitStranger(parts, strangers, route, head, address));
      authenticate(parts, address, head, (principal) =>
        decide(
          isRefusal(principal)
            ? { answer: withHeaders(refusedBy(route, principal, head), addressRate(parts, address)) }
            : admit(parts, route, principal, head, address),
        ),
      );
    },
  }));
}

/** In the words of the application, where it has words of its own. */
function refusedBy(route: ApplicationRoute, problem: Refusal, request: Pick<HttpRequest, 'header'>): HttpResponse {
  return route.refused === null ? refused(problem) : route.refused(withRetry(problem), request);
}

function admitStranger(
  parts: NodeParts,
  strangers: KeyedBuckets,
  route: ApplicationRoute,
  head: RequestHead,
  address: string,
): Verdict {
  const { context } = parts;
  const { limits, clock, users, counters } = context;
  const network = networkOf(address);
  // Nothing of the answer is this caller's own, so caches may keep what the application lets them.
  const answered = (response: HttpResponse): HttpResponse => ({
    ...response,
    headers: { ...strangerRate(context, strangers, address), ...response.headers },
  });
  const now = clock.elapsed();
  const cost = Math.min(route.cost, users.rate.burst);
  if (limits.limitRates && !strangers.take(network, cost, now)) {
    counters.rateLimited.add('address');
    const wait = strangers.wait(network, cost, now);
    const message = `expected at most ${users.rate.perSecond} tokens per second for this address`;
    return { answer: answered(refusedBy(route, refusal('rate_limited', message, wait), head)) };
  }
  const problem = route.writes ? writeProblem(context) : null;
  if (problem !== null) return { answer: answered(refusedBy(route, problem, head)) };
  return { handle: async (request) => answered(await answer(route, request, null, address)) };
}

function admit(
  parts: NodeParts,
  route: ApplicationRoute,
  principal: Principal,
  head: RequestHead,
  address: string,
): Verdict {
  const { context } = parts;
  const usage = context.users.visit(principal);
  const answered = (response: HttpResponse): HttpResponse => withHeaders(response, userRate(context, usage));
  const problem =
    chargeUser(context, usage, Math.min(route.cost, context.users.rate.burst)) ??
    accessProblem(route, principal) ??
    (route.writes ? writeProblem(context) : null);
  if (problem !== null) return { answer: answered(refusedBy(route, problem, head)) };
  return {
    handle: async (request) => {
      // A body takes its time, in which a token may be revoked and a node begin to drain.
      const late = servingProblem(parts) ?? parts.authenticator.lapsed(principal);
      return answered(
        late === null ? await answer(route, request, principal, address) : refusedBy(route, late, request),
      );
    },
  };
}

function accessProblem({ access }: ApplicationRoute, principal: Principal): Refusal | null {
  if (access === 'service') return roleProblem(principal);
  if (access !== 'admin' || (principal.roles.includes(ADMIN) && principal.tenant === '')) return null;
  return refusal('not_allowed', `expected a token with the role ${ADMIN}, and of no tenant`);
}

async function answer(
  route: ApplicationRoute,
  request: HttpRequest,
  principal: Principal | null,
  address: string,
): Promise<HttpResponse> {
  const query = readQuery(route, request);
  if (isRefusal(query)) return refusedBy(route, query, request);
  const body = readBodyOf(route, request);
  if ('refusal' in body) return refusedBy(route, body.refusal, request);
  const { parameters } = request;
  const header = (name: string): string | undefined => request.header(name);
  const answered = await route.answer({ principal, parameters, query: query.value, body: body.value, header, address });
  return isRefusal(answered) ? refusedBy(route, answered, request) : answered;
}

function readQuery({ query }: ApplicationRoute, request: HttpRequest): { readonly value: unknown } | Refusal {
  const values = valuesOf(request.query);
  const read = (query ?? z.record(z.string(), z.string())).safeParse(values);
  return read.success ? { value: read.data } : schemaRefusal(read.error, 'query');
}

/** A name that comes twice has a list: a schema of texts refuses it, and nobody chooses one of two in silence. */
function valuesOf(query: URLSearchParams): Readonly<Record<string, string | readonly string[]>> {
  return Object.fromEntries(
    [...new Set(query.keys())].map((name) => {
      const all = query.getAll(name);
      return [name, all.length === 1 ? (all[0] ?? '') : all];
    }),
  );
}

function readBodyOf(
  { body }: ApplicationRoute,
  request: HttpRequest,
): { readonly value: unknown } | { readonly refusal: Refusal } {
  if (body === 'bytes') return { value: request.bytes ?? new Uint8Array() };
  if (body === 'stream') return { value: request.stream ?? nothing() };
  if (body !== null) return readBody(request.body, body);
  if (request.body === '') return { value: undefined };
  return { refusal: refusal('malformed', 'expected no body') };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
