/**
 * What every endpoint of the API for backends goes through before its handler, in this order: a node that serves, a
 * token, the rates of its user and of the node, the role `service`.
 */
import { userKey, type Principal } from '../auth/principal.ts';
import { clientAddress } from '../node/client-address.ts';
import { bearerToken } from '../node/handshake.ts';
import type { Node, NodeParts } from '../node/node.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpRequest, HttpResponse, RequestHead, Route } from '../node/route.ts';
import { failFrom, verifyFrom } from '../node/verification.ts';
import { ERRORS, isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { chargeUser } from '../service/rates.ts';
import { addressRate, userRate } from './rate-headers.ts';

/** A request whose sender is known and has paid for it. */
export interface Call {
  readonly parts: NodeParts;
  readonly request: HttpRequest;
  readonly principal: Principal;
  /** Takes tokens beyond those of the request itself. Returns why not, when they are not there. */
  charge(cost: number): Refusal | null;
}

export interface ApiEndpoint extends Pick<Route, 'method' | 'path' | 'maxBody'> {
  /** Tokens that a request costs. */
  readonly cost: number;
  answer(call: Call): Promise<HttpResponse> | HttpResponse;
}

const ROLE = 'service';
/** For who is told to come back without being told when. */
const DEFAULT_RETRY_MS = 1_000;

/** @param trustedProxies whose `X-Forwarded-For` says where a request comes from */
export function apiRoute(node: Node, trustedProxies: readonly string[], endpoint: ApiEndpoint): Route {
  const { parts } = node;
  const { method, path, maxBody } = endpoint;
  const senderOf = addressOf(trustedProxies);
  const handle = async (request: HttpRequest): Promise<HttpResponse> => {
    const away = servingProblem(parts);
    if (away !== null) return refused(away);
    const address = senderOf(request);
    const principal = await authenticate(parts, address, request);
    if (isRefusal(principal)) return withHeaders(refused(principal), addressRate(parts, address));
    const usage = parts.context.users.visit(userKey(principal));
    const charge = (cost: number): Refusal | null => chargeUser(parts.context, usage, cost);
    const problem = charge(endpoint.cost) ?? roleProblem(principal);
    const response = problem === null ? await endpoint.answer({ parts, request, principal, charge }) : refused(problem);
    return withHeaders(response, userRate(parts.context, usage));
  };
  return { method, path, lacksToken, senderOf, handle, ...(maxBody === undefined ? {} : { maxBody }) };
}

/** Whose request it is: the address of the client, as far as proxies are trusted. */
export function addressOf(trustedProxies: readonly string[]): (head: RequestHead) => string {
  return (head) =>
    clientAddress({ peer: head.address, forwardedFor: head.header('x-forwarded-for') ?? '' }, trustedProxies);
}

export function lacksToken(head: RequestHead): boolean {
  return bearerToken(head.header('authorization') ?? '') === null;
}

/** A refusal as an answer. Who may try again is always told when. */
export function refused(problem: Refusal): HttpResponse {
  const { code } = ERRORS[problem.reason];
  const isTemporary = code === 429 || code === 503;
  return refusalResponse(isTemporary ? { retryAfterMs: DEFAULT_RETRY_MS, ...problem } : problem);
}

/** A draining node finishes what its connections do; a request can as well go to another node. */
export function servingProblem({ mode }: Pick<NodeParts, 'mode'>): Refusal | null {
  if (mode.mode === 'running' || mode.mode === 'read_only') return null;
  return refusal('not_admitting', `expected a node that serves: this one is ${mode.mode}`, 2_000);
}

export function authenticate(parts: NodeParts, address: string, request: HttpRequest): Promise<Principal | Refusal> {
  const authorization = request.header('authorization');
  const token = bearerToken(authorization ?? '');
  if (token === null) {
    const got = authorization === undefined ? 'no Authorization header' : 'an Authorization header of another form';
    const missing = refusal('token_missing', `expected Authorization: Bearer <jwt>, got ${got}`);
    return new Promise((resolve) => {
      failFrom(parts, address, missing, resolve);
    });
  }
  const known = parts.authenticator.cached(token);
  if (known !== undefined) return Promise.resolve(known);
  return new Promise((resolve) => {
    verifyFrom(parts, address, token, resolve);
  });
}

export function roleProblem({ roles }: Principal): Refusal | null {
  if (roles.includes(ROLE)) return null;
  return refusal('not_allowed', `expected a token with the role ${ROLE}`);
}

/** What is said of one user's messages and limits is nobody else's to cache. */
export function withHeaders(response: HttpResponse, rate: Readonly<Record<string, string>>): HttpResponse {
  return { ...response, headers: { 'cache-control': 'no-store', ...rate, ...response.headers } };
}
