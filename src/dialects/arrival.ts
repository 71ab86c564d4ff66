/** A request that becomes a connection: it is admitted like a WebSocket handshake, by the same checks in the same order. */
import type { TransportName } from '../connection/transport.ts';
import type { Handshake } from '../node/handshake.ts';
import type { Accepted } from '../node/admission.ts';
import type { Node } from '../node/node.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse, RequestHead } from '../node/route.ts';
import { ERRORS, type Refusal } from '../protocol/errors.ts';

/** For who is told to come back without being told when. */
const DEFAULT_RETRY_MS = 1_000;

/** @param decide is given the admission, or the refusal as an answer */
export function arrive(
  node: Node,
  over: TransportName,
  head: RequestHead,
  decide: (admission: Accepted | { readonly kind: 'refused'; readonly answer: HttpResponse }) => void,
): void {
  node.admit(handshakeOf(over, head), (admission) => {
    decide(admission.kind === 'accepted' ? admission : { kind: 'refused', answer: refused(admission.refusal) });
  });
}

/** A refusal as an answer. Callers that may try again are always told when. */
export function refused(problem: Refusal): HttpResponse {
  const { headers, ...answer } = refusalResponse(withRetry(problem));
  return { ...answer, headers: { ...headers, 'cache-control': 'no-store' } };
}

export function withRetry(problem: Refusal): Refusal {
  return ERRORS[problem.reason].temporary ? { retryAfterMs: DEFAULT_RETRY_MS, ...problem } : problem;
}

export function handshakeOf(over: TransportName, head: RequestHead): Handshake {
  return plainHandshake(over, {
    origin: head.header('origin') ?? '',
    host: head.header('host') ?? '',
    authorization: head.header('authorization') ?? '',
    forwardedFor: head.header('x-forwarded-for') ?? '',
    query: head.query.toString(),
    peer: head.address,
  });
}

/** What outlives its request: nothing of it but what says who its client is and where it comes from. */
export function plainHandshake(
  over: TransportName,
  {
    origin,
    host,
    authorization,
    forwardedFor,
    query,
    peer,
  }: Pick<Handshake, 'origin' | 'host' | 'authorization' | 'forwardedFor' | 'query' | 'peer'>,
): Handshake {
  return {
    over,
    upgrade: '',
    connection: '',
    version: '',
    key: '',
    protocol: '',
    contentLength: '',
    transferEncoding: '',
    origin,
    host,
    authorization,
    forwardedFor,
    repeated: '',
    query,
    peer,
  };
}
