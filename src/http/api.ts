/**
 * The checks of every request to the API for backends before its body is received, in this order: a node that
 * serves, a token, the rates of its user and of the node, the role `service`.
 */
import { digestOf } from '../auth/authenticator.ts';
import type { Principal } from '../auth/principal.ts';
import { askAboutCaller, missingCredential } from '../node/callers.ts';
import { clientAddress } from '../node/client-address.ts';
import { bearerToken } from '../node/handshake.ts';
import type { Node, NodeParts } from '../node/node.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { GuardedRoute, HttpRequest, HttpResponse, RequestHead, Verdict } from '../node/route.ts';
import { failFrom, rememberedFrom, verifyFrom } from '../node/verification.ts';
import { ERRORS, isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { chargeUser } from '../service/rates.ts';
import { addressRate, userRate } from './rate-headers.ts';

/** A request whose sender is known and has paid for it. */
export interface Call {
  readonly parts: NodeParts;
  readonly request: HttpRequest;
  readonly principal: Principal;
  /** Takes tokens beyond those of the request itself. Returns why not, when they are not there. */
  readonly charge: (cost: number) => Refusal | null;
}

export interface ApiEndpoint extends Pick<GuardedRoute, 'method' | 'path' | 'maxBody'> {
  /** Tokens that a request costs. */
  readonly cost: number;
  answer(call: Call): Promise<HttpResponse> | HttpResponse;
}

const ROLE = 'service';
/** For who is told to come back without being told when. */
const DEFAULT_RETRY_MS = 1_000;

/** @param trustedProxies whose `X-Forwarded-For` says where a request comes from */
export function apiRoute(node: Node, trustedProxies: readonly string[], endpoint: ApiEndpoint): GuardedRoute {
  const { parts } = node;
  const { method, path, maxBody } = endpoint;
  const senderOf = addressOf(trustedProxies);
  const authorize = (head: RequestHead, decide: (verdict: Verdict) => void): void => {
    const away = servingProblem(parts);
    if (away !== null) return decide({ answer: refused(away) });
    const address = senderOf(head);
    authenticate(parts, address, head, (principal) => {
      if (isRefusal(principal)) return decide({ answer: withHeaders(refused(principal), addressRate(parts, address)) });
      decide(admit(parts, endpoint, principal));
    });
  };
  return { method, path, authorize, senderOf, ...(maxBody === undefined ? {} : { maxBody }) };
}

/** Charges a user for a request: what is refused here sends no body. */
function admit(parts: NodeParts, endpoint: ApiEndpoint, principal: Principal): Verdict {
  const usage = parts.context.users.visit(principal);
  const charge = (cost: number): Refusal | null => chargeUser(parts.context, usage, cost);
  const answered = (response: HttpResponse): HttpResponse => withHeaders(response, userRate(parts.context, usage));
  const problem = charge(endpoint.cost) ?? roleProblem(principal);
  if (problem !== null) return { answer: answered(refused(problem)) };
  return {
    handle: async (request) => {
      // A body takes its time, in which a token may be revoked and a node begin to drain.
      const late = servingProblem(parts) ?? parts.authenticator.lapsed(principal);
      return answered(late === null ? await endpoint.answer({ parts, request, principal, charge }) : refused(late));
    },
  };
}

/** Whose request it is: the address of the client, as far as proxies are trusted. */
export function addressOf(trustedProxies: readonly string[]): (head: RequestHead) => string {
  return (head) =>
    clientAddress({ peer: head.address, forwardedFor: head.header('x-forwarded-for') ?? '' }, trustedProxies);
}

/** A refusal as an answer. Callers that may try again are always told when. */
export function refused(problem: Refusal): HttpResponse {
  return refusalResponse(withRetry(problem));
}

export function withRetry(problem: Refusal): Refusal {
  const { code } = ERRORS[problem.reason];
  return code === 429 || code === 503 ? { retryAfterMs: DEFAULT_RETRY_MS, ...problem } : problem;
}

/** A draining node finishes what its connections do; a request can as well go to another node. */
export function servingProblem({ mode }: Pick<NodeParts, 'mode'>): Refusal | null {
  if (mode.mode === 'running' || mode.mode === 'read_only') return null;
  return refusal('not_admitting', `expected a node that serves: this one is ${mode.mode}`, 2_000);
}

/** Tells the caller by the token, or by the key of an application, which may say that this caller is not served. */
export function authenticate(
  parts: NodeParts,
  address: string,
  head: RequestHead,
  reply: (answer: Principal | Refusal) => void,
): void {
  const { authenticator } = parts;
  if (authenticator.callers === null) return verifyCredential(parts, address, bearerOf(parts, head), reply);
  identify(parts, address, head, (principal) => {
    if (isRefusal(principal)) return reply(principal);
    const header = (name: string): string | undefined => head.header(name);
    askAboutCaller(parts, { principal, method: head.method, header }, (problem) => reply(problem ?? principal));
  });
}

/** A request may come with a token and with a key: then both have to be good, and of one tenant. The token says who it is. */
function identify(
  parts: NodeParts,
  address: string,
  head: RequestHead,
  reply: (answer: Principal | Refusal) => void,
): void {
  const keys = parts.authenticator.callers?.keys ?? null;
  const key = keys === null ? undefined : head.header(keys.header);
  if (key === undefined) return verifyCredential(parts, address, bearerOf(parts, head), reply);
  // Any token may stand in Authorization, and nothing but a key here.
  const credential = keys !== null && key.startsWith(keys.prefix) ? key : wrongKey(keys?.header ?? '');
  verifyCredential(parts, address, credential, (holder) => {
    if (isRefusal(holder) || head.header('authorization') === undefined) return reply(holder);
    verifyCredential(parts, address, bearerOf(parts, head), (principal) =>
      reply(isRefusal(principal) || principal.tenant === holder.tenant ? principal : conflict()),
    );
  });
}

function conflict(): Refusal {
  return refusal('tenant_conflict', 'expected a token and an API key of the same tenant');
}

function wrongKey(header: string): Refusal {
  return refusal('tenant_not_found', `Tenant not found: expected an API key in the header ${header}`);
}

/** The token, or why there is none. */
function bearerOf({ authenticator }: NodeParts, head: RequestHead): string | Refusal {
  const authorization = head.header('authorization');
  const token = bearerToken(authorization ?? '');
  if (token !== null) return token;
  const got = authorization === undefined ? 'no Authorization header' : 'an Authorization header of another form';
  return missingCredential(authenticator, `expected Authorization: Bearer <jwt>, got ${got}`);
}

function verifyCredential(
  parts: NodeParts,
  address: string,
  credential: string | Refusal,
  reply: (answer: Principal | Refusal) => void,
): void {
  if (typeof credential !== 'string') return failFrom(parts, () => address, credential, reply);
  const digest = digestOf(credential);
  const known = rememberedFrom(parts, digest);
  if (known !== undefined) return reply(known);
  verifyFrom(parts, () => address, credential, digest, reply);
}

export function roleProblem({ roles }: Principal): Refusal | null {
  if (roles.includes(ROLE)) return null;
  return refusal('not_allowed', `expected a token with the role ${ROLE}`);
}

/** Answers about one user's messages and limits are nobody else's to cache. */
export function withHeaders(response: HttpResponse, rate: Readonly<Record<string, string>>): HttpResponse {
  return { ...response, headers: { 'cache-control': 'no-store', ...rate, ...response.headers } };
}
