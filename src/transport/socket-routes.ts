/** Paths of WebSockets of other protocols than our own: each is opened, or answered, when its route has decided. */
import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_socket_context_t,
  WebSocketBehavior,
} from 'uWebSockets.js-compat';
import { handshakeProblem } from '../node/handshake.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { SocketRoute, SocketVerdict } from '../node/socket-route.ts';
import { refusal } from '../protocol/errors.ts';
import { percentProblem } from '../protocol/text.ts';
import type { Log } from '../telemetry/log.ts';
import { isAmbiguous } from './headers.ts';
import type { LateUpgrades } from './late-upgrades.ts';
import { asksForHead, respond } from './response.ts';
import { Socket, type SocketData } from './socket.ts';
import { UpgradeHead } from './upgrade-head.ts';

export interface SocketSurroundings {
  /** What all WebSockets have in common. */
  readonly behaviour: WebSocketBehavior<SocketData>;
  readonly compresses: boolean;
  readonly late: LateUpgrades;
  readonly log: Log;
}

/** A client that waits for its upgrade. */
interface Offer {
  readonly res: HttpResponse;
  readonly context: us_socket_context_t;
  readonly head: UpgradeHead;
}

export function registerSocketRoute(app: TemplatedApp, route: SocketRoute, around: SocketSurroundings): void {
  app.ws<SocketData>(route.path, {
    ...around.behaviour,
    upgrade: (res, req, context) => {
      // Caught inside, because the library ends the process when something is thrown into it.
      try {
        upgradeAt(route, res, req, context, around);
      } catch (error) {
        failed(error, res, around.log);
      }
    },
  });
}

function upgradeAt(
  route: SocketRoute,
  res: HttpResponse,
  req: HttpRequest,
  context: us_socket_context_t,
  around: SocketSurroundings,
): void {
  let isGone = false;
  let verdict: SocketVerdict | null = null;
  let isLate = false;
  res.onAborted(() => {
    isGone = true;
    if (verdict !== null) abandon(verdict);
  });
  const head = new UpgradeHead(res, req);
  if (isAmbiguous(head)) return void res.close();
  const malformed = percentProblem(head.query) ?? head.problem;
  const problem = malformed === null ? handshakeProblem(head) : refusal('bad_handshake', malformed);
  if (problem !== null) {
    const answer = route.refused?.(problem) ?? refusalResponse(problem);
    return respond(res, answer, { isHead: asksForHead(req), ends: true });
  }
  const offer = { res, context, head };
  route.admit(head, (decided) => {
    if (isGone) return abandon(decided);
    if (!isLate || 'answer' in decided) return carryOut(decided, offer, around);
    verdict = decided;
    around.late.run(res, () => {
      if (isGone) return;
      verdict = null;
      carryOut(decided, offer, around);
    });
  });
  isLate = true;
}

function abandon(verdict: SocketVerdict): void {
  if ('open' in verdict) verdict.abandon?.();
}

function carryOut(
  verdict: SocketVerdict,
  { res, context, head }: Offer,
  { compresses, log }: SocketSurroundings,
): void {
  if ('answer' in verdict) return respond(res, verdict.answer, { isHead: false, ends: verdict.answer.status === 400 });
  const socket = new Socket(compresses);
  try {
    res.upgrade<SocketData>({ socket }, head.key, '', head.extensions, context);
    socket.listener = verdict.open(socket);
  } catch (error) {
    if (!socket.isOpen) return failed(error, res, log);
    log.error('Upgrade failed', { error: error instanceof Error ? error.stack : String(error) });
    socket.terminate();
  }
}

function failed(error: unknown, res: HttpResponse, log: Log): void {
  log.error('Upgrade failed', { error: error instanceof Error ? error.stack : String(error) });
  res.close();
}
