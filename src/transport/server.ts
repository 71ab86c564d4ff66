/** The listening socket: WebSocket upgrades go to the node, other requests to the Routes. */
import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_listen_socket,
  us_socket_context_t,
  WebSocketBehavior,
} from 'uWebSockets.js-compat';
import { errorFrame } from '../connection/replies.ts';
import { handshakeProblem, type Handshake } from '../node/handshake.ts';
import type { Admission, Refused } from '../node/admission.ts';
import type { Node } from '../node/node.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { Route } from '../node/route.ts';
import type { SocketRoute } from '../node/socket-route.ts';
import { ERRORS, refusal, type Refusal } from '../protocol/errors.ts';
import { percentProblem } from '../protocol/text.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { cutOf } from './cut-reasons.ts';
import { isAmbiguous } from './headers.ts';
import { registerRoutes } from './http.ts';
import { asksForHead, respond } from './response.ts';
import { LateUpgrades } from './late-upgrades.ts';
import { listenProblem } from './listen-problem.ts';
import { Socket, type SocketData } from './socket.ts';
import { registerSocketRoute } from './socket-routes.ts';
import { UpgradeHead } from './upgrade-head.ts';
import { uws } from './uws.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly maxMessageSize: number;
  readonly compression: boolean;
  /** After so long without anything from a client its connection closes it. */
  readonly clientTimeoutSecs: number;
  /** Whether other processes may listen on the port too (SO_REUSEPORT); each gets a share of the connections. */
  readonly sharesPort: boolean;
  /** Paths of WebSockets of other protocols. Before the Routes, which answer what is no handshake there. */
  readonly socketRoutes: readonly SocketRoute[];
}

export interface Server {
  readonly port: number;
  /** Stops listening; connections that are open stay. */
  close(): void;
  /** Ends every connection too. */
  end(): void;
}

/** `LIBUS_LISTEN_DEFAULT` and `LIBUS_LISTEN_EXCLUSIVE_PORT`; the library's types know them only for listening on all hosts. */
const SHARED_PORT = 0;
const EXCLUSIVE_PORT = 1;

interface ListensOnHost {
  listen(host: string, port: number, options: number, listening: (socket: us_listen_socket | false) => void): void;
}

/** Up to this many times the message limit a message is read and refused; beyond, the library cuts the socket. */
const OVERSIZE_FACTOR = 4;
/** Far above what one flush or one batch of replies writes, because above it the library drops the newest message silently. */
const MAX_BACKPRESSURE = 64 * 1024 * 1024;

/** The longest that the library knows. */
const MAX_IDLE_SECS = 960;

/** @throws with what is wrong with the host or the port, and what to do */
export function listen(
  node: Node,
  routes: readonly Route[],
  options: ServerOptions,
  counters: Counters,
  log: Log,
): Promise<Server> {
  const app = uws.App();
  const late = new LateUpgrades();
  registerWebSocket(app, node, options, counters, late, log);
  const around = { behaviour: behaviour(options, counters), compresses: options.compression, late, log };
  for (const route of options.socketRoutes) registerSocketRoute(app, route, around);
  registerRoutes(app, routes, counters, log);
  return listenOn(app, options, () => late.end());
}

/** Serves Routes only, on a port of their own. @throws like {@link listen} */
export function listenHttp(
  routes: readonly Route[],
  options: Pick<ServerOptions, 'host' | 'port'>,
  counters: Counters,
  log: Log,
): Promise<Server> {
  const app = uws.App();
  registerRoutes(app, routes, counters, log);
  return listenOn(app, { ...options, sharesPort: false });
}

function listenOn(
  app: TemplatedApp,
  options: Pick<ServerOptions, 'host' | 'port' | 'sharesPort'>,
  ended: () => void = () => {},
): Promise<Server> {
  return new Promise((resolve, reject) => {
    // Exclusive unless it is asked otherwise, because the library shares ports silently by default: two servers would each get half of the clients.
    const mode = options.sharesPort ? SHARED_PORT : EXCLUSIVE_PORT;
    (app as unknown as ListensOnHost).listen(options.host, options.port, mode, (socket) => {
      if (socket === false) void listenProblem(options.host, options.port).then(reject);
      else
        resolve({
          port: uws.us_socket_local_port(socket),
          close: () => uws.us_listen_socket_close(socket),
          end: () => {
            app.close();
            ended();
          },
        });
    });
  });
}

function registerWebSocket(
  app: TemplatedApp,
  node: Node,
  options: ServerOptions,
  counters: Counters,
  late: LateUpgrades,
  log: Log,
): void {
  app.ws<SocketData>('/ws', {
    ...behaviour(options, counters),
    upgrade: (res, req, context) => upgrade(node, res, req, context, options.compression, late, log),
  });
  // Only requests with a key of 24 characters reach the handler above: the rest is told what it lacks.
  app.any('/ws', (res, req) => {
    const head = new UpgradeHead(res, req);
    const refused = req.getMethod() === 'get' ? strayProblem(head) : NOT_GET;
    if (isAmbiguous(head)) res.close();
    else
      respond(res, refusalResponse(refused), { isHead: asksForHead(req), ends: ERRORS[refused.reason].code === 400 });
  });
}

/** What all WebSockets have in common. */
function behaviour(options: ServerOptions, counters: Counters): WebSocketBehavior<SocketData> {
  return {
    maxPayloadLength: options.maxMessageSize * OVERSIZE_FACTOR,
    maxBackpressure: MAX_BACKPRESSURE,
    compression: options.compression ? uws.SHARED_COMPRESSOR : uws.DISABLED,
    idleTimeout: idleTimeout(options.clientTimeoutSecs),
    sendPingsAutomatically: false,
    open: (ws) => ws.getUserData().socket.opened(ws),
    message: (ws, message, isBinary) => {
      const { listener } = ws.getUserData().socket;
      if (message.byteLength > options.maxMessageSize) listener?.oversized(message, isBinary);
      else listener?.received(message, isBinary);
    },
    drain: (ws) => ws.getUserData().socket.listener?.drained(),
    ping: (ws, message) => ws.getUserData().socket.listener?.pinged(message.byteLength),
    pong: (ws) => ws.getUserData().socket.listener?.ponged(),
    dropped: () => {
      counters.nativeDropped += 1;
    },
    close: (ws, code, message) => {
      const cut = cutOf(code, message);
      ws.getUserData().socket.closed(cut?.code ?? code, cut?.reason);
    },
  };
}

/**
 * Liveness is the connection's own business: it counts beats, which a blocked event loop does not shorten. But what the library
 * gives a client to take its close frame is a part of this time: without it, the next of the library's ticks, which come
 * every 4 s, cuts a socket whose client is still sending, and the reset takes the close frame with it. From 32 s on it is
 * 12 to 16 s.
 */
function idleTimeout(clientTimeoutSecs: number): number {
  return clientTimeoutSecs < MAX_IDLE_SECS ? MAX_IDLE_SECS : 0;
}

const NOT_GET = refusal('method_not_allowed', 'expected GET');

function strayProblem(handshake: Handshake): Refusal {
  if (handshake.upgrade === '')
    return refusal('upgrade_required', 'expected Upgrade: websocket, got a plain HTTP request');
  const lacking = refusal('bad_handshake', 'expected a Sec-WebSocket-Key of 16 bytes in base64');
  return handshakeProblem(handshake) ?? lacking;
}

/** A client that waits for its upgrade. */
interface Offer {
  readonly res: HttpResponse;
  readonly context: us_socket_context_t;
  readonly head: UpgradeHead;
  readonly compresses: boolean;
  readonly log: Log;
}

function upgrade(
  node: Node,
  res: HttpResponse,
  req: HttpRequest,
  context: us_socket_context_t,
  compresses: boolean,
  late: LateUpgrades,
  log: Log,
): void {
  const head = new UpgradeHead(res, req);
  if (isAmbiguous(head)) return void res.close();
  const problem = percentProblem(head.query) ?? head.problem;
  if (problem !== null)
    return respond(res, refusalResponse(refusal('bad_handshake', problem)), { isHead: asksForHead(req), ends: true });
  const offer = { res, context, head, compresses, log };
  let isAnswered = false;
  let answerLate: ((admission: Admission) => void) | null = null;
  node.admit(head, (admission) => {
    if (answerLate !== null) return answerLate(admission);
    isAnswered = true;
    answer(admission, offer);
  });
  // Nothing can be aborted in the request's own turn, so only a client that has to wait is listened to.
  if (!isAnswered) answerLate = later(offer, late);
}

/** Keeps what is needed of a client that waits, and gives what answers it. */
function later(offer: Offer, late: LateUpgrades): (admission: Admission) => void {
  const { res, head } = offer;
  let aborted = false;
  let abandon: (() => void) | null = null;
  res.onAborted(() => {
    aborted = true;
    abandon?.();
  });
  head.keep();
  return (admission) => {
    if (admission.kind === 'accepted') abandon = admission.abandon;
    if (aborted) return abandon?.();
    if (isPlain(admission)) return answer(admission, offer);
    late.run(res, () => {
      if (aborted) return;
      abandon = null;
      answer(admission, offer);
    });
  };
}

/** Whether the answer is one of HTTP. */
function isPlain(admission: Admission): admission is Refused {
  return admission.kind === 'refused' && admission.close === null;
}

function answer(admission: Admission, { res, context, head, compresses, log }: Offer): void {
  if (isPlain(admission)) {
    const response = refusalResponse(admission.refusal);
    // A client whose handshake is none is not worth a connection kept alive.
    return respond(res, response, { isHead: false, ends: response.status === 400 });
  }
  // Caught, because the library ends the process when something is thrown into it.
  try {
    open(admission, new Socket(compresses), res, context, head.key, head.extensions);
  } catch (error) {
    log.error('Upgrade failed', { error: error instanceof Error ? error.stack : String(error) });
    res.close();
  }
}

/** Upgrades; a refused client is told why inside WebSocket, and closed. */
function open(
  admission: Admission,
  socket: Socket,
  res: HttpResponse,
  context: us_socket_context_t,
  key: string,
  extensions: string,
): void {
  const data: SocketData = { socket };
  res.upgrade(data, key, admission.subprotocol ?? '', extensions, context);
  if (admission.kind === 'accepted') {
    socket.listener = admission.open(socket);
    return;
  }
  const { codec } = admission;
  socket.send(codec.encode(errorFrame(admission.refusal)), codec.binary);
  socket.close(admission.close ?? 'bad_request', admission.refusal.message);
}
