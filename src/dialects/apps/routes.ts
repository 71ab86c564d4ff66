/** Dialects of applications at their paths: who is let in is decided like a WebSocket handshake, then the application is asked. */
import { closeOf, isOfThisNode, type Accepted } from '../../node/admission.ts';
import type { AppDialect, DialectArrival, DialectClient } from '../../node/app-dialect.ts';
import { clientAddress } from '../../node/client-address.ts';
import { plainHandshake } from '../arrival.ts';
import type { Handshake } from '../../node/handshake.ts';
import type { Node } from '../../node/node.ts';
import { refusalResponse } from '../../node/refusal-response.ts';
import type { GuardedRoute, HttpRequest, HttpResponse, RequestHead, Verdict } from '../../node/route.ts';
import type { SocketRoute, SocketVerdict } from '../../node/socket-route.ts';
import { isRefusal, refusal, type Refusal } from '../../protocol/errors.ts';
import { handshakeOf, withRetry } from '../arrival.ts';
import { DialectSocket } from './dialect-socket.ts';
import { DialectStream } from './dialect-stream.ts';

/** What keeps proxies from holding events back, from compressing them, and from keeping them. */
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

export interface DialectRoutes {
  readonly routes: readonly GuardedRoute[];
  readonly socketRoutes: readonly SocketRoute[];
}

/** @param trustedProxies whose `X-Forwarded-For` says where a request comes from */
export function dialectRoutesOf(
  node: Node,
  trustedProxies: readonly string[],
  dialects: readonly AppDialect[],
): DialectRoutes {
  const senderOf: GuardedRoute['senderOf'] = (head) =>
    clientAddress({ peer: head.address, forwardedFor: head.header('x-forwarded-for') ?? '' }, trustedProxies);
  const sockets = dialects.filter(({ over }) => over === 'websocket');
  const streams = dialects.filter(({ over }) => over === 'events');
  return {
    routes: [...sockets.map(plainRoute), ...streams.map((dialect) => streamRoute(node, dialect))].map((route) => ({
      ...route,
      senderOf,
    })),
    socketRoutes: sockets.map((dialect) => socketRoute(node, dialect)),
  };
}

/** A request that asks for no WebSocket is told so. */
function plainRoute(dialect: AppDialect): GuardedRoute {
  return {
    method: 'GET',
    path: dialect.path,
    refused: (problem, request) => refusedBy(dialect, problem, request),
    authorize: (head, decide) =>
      decide({
        answer: refusedBy(
          dialect,
          refusal('upgrade_required', 'expected Upgrade: websocket, got a plain HTTP request'),
          head,
        ),
      }),
  };
}

function streamRoute(node: Node, dialect: AppDialect): GuardedRoute {
  return {
    method: 'GET',
    path: dialect.path,
    refused: (problem, request) => refusedBy(dialect, problem, request),
    authorize: (head, decide) => {
      const { parameters, query } = head;
      const lastEventId = head.header('last-event-id') ?? null;
      enter(node, dialect, handshakeOf('sse', head), { parameters, query, lastEventId }, (entered) =>
        decide(
          isRefusal(entered) ? { answer: refusedBy(dialect, entered, head) } : streaming(node, dialect, entered, head),
        ),
      );
    },
  };
}

function streaming(node: Node, dialect: AppDialect, { client, admission }: Entered, head: RequestHead): Verdict {
  return {
    abandon: admission.abandon,
    handle: () => {
      const lapsed = node.parts.authenticator.lapsed(admission.principal);
      if (lapsed !== null) {
        admission.abandon();
        return refusedBy(dialect, lapsed, head);
      }
      const body = new DialectStream(client, admission, node.parts.context.random);
      return { status: 200, headers: HEADERS, body };
    },
  };
}

function socketRoute(node: Node, dialect: AppDialect): SocketRoute {
  const refused = (problem: Refusal): HttpResponse => refusedBy(dialect, problem, { header: () => undefined });
  return {
    path: dialect.path,
    refused,
    admit: (handshake, decide) => {
      // Nothing of the request outlives it but what is looked at here.
      const kept = plainHandshake('dialect', handshake);
      const arrival = { parameters: {}, query: new URLSearchParams(handshake.query), lastEventId: null };
      enter(node, dialect, kept, arrival, (entered) => {
        if (!isRefusal(entered)) return decide(opening(entered));
        // A page sees nothing of an HTTP answer; another node may take what is refused for this one alone.
        const isTold = handshake.origin !== '' && !isOfThisNode(entered);
        decide(isTold ? telling(dialect, entered) : { answer: refused(entered) });
      });
    },
  };
}

function opening({ client, admission }: Entered): SocketVerdict {
  return {
    abandon: admission.abandon,
    open: (transport) => {
      const socket = new DialectSocket(client, transport);
      socket.open(admission);
      return socket;
    },
  };
}

/** The refusal inside WebSocket, which is closed at once. */
function telling(dialect: AppDialect, problem: Refusal): SocketVerdict {
  return {
    abandon: () => {},
    open: (transport) => {
      const told = dialect.told(problem);
      if (told !== null) transport.send(JSON.stringify(told), false);
      transport.close(closeOf(problem), problem.message);
      return null;
    },
  };
}

interface Entered {
  readonly client: DialectClient;
  readonly admission: Accepted;
}

/** The server's checks, then the application's. */
function enter(
  node: Node,
  dialect: AppDialect,
  handshake: Handshake,
  arrival: Omit<DialectArrival, 'principal'>,
  decide: (entered: Entered | Refusal) => void,
): void {
  node.admit(handshake, (admission) => {
    if (admission.kind === 'refused') return decide(admission.refusal);
    dialect.begin({ ...arrival, principal: admission.principal }, (client) => {
      if (!isRefusal(client)) return decide({ client, admission });
      admission.abandon();
      decide(client);
    });
  });
}

function refusedBy(dialect: AppDialect, given: Refusal, { header }: Pick<HttpRequest, 'header'>): HttpResponse {
  const problem = withRetry(given);
  const plain = refusalResponse(problem);
  const { headers, body } = dialect.refused(problem, header) ?? plain;
  return { status: plain.status, headers: { ...plain.headers, 'cache-control': 'no-store', ...headers }, body };
}
