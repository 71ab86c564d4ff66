/** Routes of applications, behind the same door as the API for backends: token, rates, role, then query and body. */
import { z } from 'zod';
import { userKey, type Principal } from '../auth/principal.ts';
import { KeyedBuckets } from '../limits/keyed-buckets.ts';
import type { ApplicationRoute } from '../node/application-route.ts';
import { networkOf } from '../node/client-address.ts';
import type { Node, NodeParts } from '../node/node.ts';
import type { HttpRequest, HttpResponse, Route } from '../node/route.ts';
import { schemaRefusal } from '../node/schema-refusal.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { writeProblem } from '../service/checks.ts';
import { chargeUser } from '../service/rates.ts';
import { addressOf, authenticate, lacksToken, refused, roleProblem, servingProblem, withHeaders } from './api.ts';
import { readBody } from './json-body.ts';
import { addressRate, userRate } from './rate-headers.ts';

/** Addresses of strangers that are remembered for their rate. */
const STRANGERS = 100_000;

export function applicationRoutes(
  node: Node,
  trustedProxies: readonly string[],
  routes: readonly ApplicationRoute[],
): Route[] {
  const { parts } = node;
  // A stranger is charged by address and at the rate of a user: nobody else's tokens are spent.
  const strangers = new KeyedBuckets(parts.context.users.rate, STRANGERS);
  return routes.map((route) => {
    const senderOf = addressOf(trustedProxies);
    const { method, path, access, maxBody, body } = route;
    return {
      method,
      path,
      senderOf,
      ...(access === 'public' ? {} : { lacksToken }),
      ...(maxBody === undefined ? {} : { maxBody }),
      ...(body === 'bytes' ? { takesBytes: true } : {}),
      handle: (request) => {
        const address = senderOf(request);
        return access === 'public'
          ? forStranger(parts, strangers, route, request, address)
          : forPrincipal(parts, route, request, address);
      },
    };
  });
}

async function forStranger(
  { context, mode }: NodeParts,
  strangers: KeyedBuckets,
  route: ApplicationRoute,
  request: HttpRequest,
  address: string,
): Promise<HttpResponse> {
  const away = servingProblem({ mode });
  if (away !== null) return refused(away);
  const { limits, clock, users, counters } = context;
  const network = networkOf(address);
  const now = clock.elapsed();
  const cost = Math.min(route.cost, users.rate.burst);
  if (limits.limitRates && !strangers.take(network, cost, now)) {
    counters.rateLimited.add('address');
    const wait = strangers.wait(network, cost, now);
    return refused(
      refusal('rate_limited', `expected at most ${users.rate.perSecond} tokens per second for this address`, wait),
    );
  }
  return answer(route, request, null, address, route.writes ? writeProblem(context) : null);
}

async function forPrincipal(
  parts: NodeParts,
  route: ApplicationRoute,
  request: HttpRequest,
  address: string,
): Promise<HttpResponse> {
  const { context } = parts;
  const away = servingProblem(parts);
  if (away !== null) return refused(away);
  const principal = await authenticate(parts, address, request);
  if (isRefusal(principal)) return withHeaders(refused(principal), addressRate(parts, address));
  const usage = context.users.visit(userKey(principal));
  const problem =
    chargeUser(context, usage, Math.min(route.cost, context.users.rate.burst)) ??
    (route.access === 'service' ? roleProblem(principal) : null) ??
    (route.writes ? writeProblem(context) : null);
  return withHeaders(await answer(route, request, principal, address, problem), userRate(context, usage));
}

async function answer(
  route: ApplicationRoute,
  request: HttpRequest,
  principal: Principal | null,
  address: string,
  problem: Refusal | null,
): Promise<HttpResponse> {
  if (problem !== null) return refused(problem);
  const query = readQuery(route, request);
  if (isRefusal(query)) return refused(query);
  const body = readBodyOf(route, request);
  if ('response' in body) return body.response;
  const { parameters } = request;
  const header = (name: string): string | undefined => request.header(name);
  const answered = await route.answer({ principal, parameters, query: query.value, body: body.value, header, address });
  return isRefusal(answered) ? refused(answered) : answered;
}

function readQuery({ query }: ApplicationRoute, request: HttpRequest): { readonly value: unknown } | Refusal {
  const values = Object.fromEntries(request.query);
  const read = (query ?? z.record(z.string(), z.string())).safeParse(values);
  return read.success ? { value: read.data } : schemaRefusal(read.error, 'query');
}

function readBodyOf({ body }: ApplicationRoute, request: HttpRequest): ReturnType<typeof readBody> {
  if (body === 'bytes') return { value: request.bytes ?? new Uint8Array() };
  if (body !== null) return readBody(request.body, body);
  if (request.body === '') return { value: undefined };
  return { response: refused(refusal('malformed', 'expected no body')) };
}
