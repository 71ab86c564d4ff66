/** Engine.IO 4 over HTTP and WebSocket, both at one path: who opens a session, and which one a request belongs to. */
import type { Transport, TransportListener } from '../../connection/transport.ts';
import type { Handshake } from '../../node/handshake.ts';
import type { Node } from '../../node/node.ts';
import { refusalResponse } from '../../node/refusal-response.ts';
import type { GuardedRoute, HttpResponse, RequestHead, Verdict } from '../../node/route.ts';
import type { SocketRoute, SocketVerdict } from '../../node/socket-route.ts';
import { refusal } from '../../protocol/errors.ts';
import { handshakeOf, plainHandshake } from '../arrival.ts';
import { engineError } from './engine-errors.ts';
import { openPacket } from './engine-packets.ts';
import type { EngineSession, SessionClient } from './engine-session.ts';
import type { EngineSessions } from './engine-sessions.ts';

const PATH = '/socket.io/';
const VERSION = '4';
const TEXT = { 'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store' };

export type EngineTransport = 'polling' | 'websocket';

export interface EngineSettings {
  readonly transports: readonly EngineTransport[];
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

export class EngineRoutes {
  private readonly node: Node;
  private readonly sessions: EngineSessions;
  private readonly settings: EngineSettings;
  private readonly clientOf: (session: EngineSession) => SessionClient;

  constructor(
    node: Node,
    sessions: EngineSessions,
    settings: EngineSettings,
    clientOf: (session: EngineSession) => SessionClient,
  ) {
    this.node = node;
    this.sessions = sessions;
    this.settings = settings;
    this.clientOf = clientOf;
  }

  get routes(): readonly GuardedRoute[] {
    const { maxMessageSize } = this.node.parts.context.limits;
    return [
      { method: 'GET', path: PATH, authorize: (head, decide) => decide(this.polled(head)) },
      { method: 'POST', path: PATH, maxBody: maxMessageSize, authorize: (head, decide) => decide(this.posting(head)) },
    ];
  }

  get socketRoute(): SocketRoute {
    return { path: PATH, admit: (handshake, decide) => decide(this.admitSocket(handshake)) };
  }

  private polled(head: RequestHead): Verdict {
    const { query } = head;
    const wrong = this.problem(query, 'polling');
    if (wrong !== null) return { answer: wrong };
    const sid = query.get('sid');
    if (sid === null) return { answer: this.handshake(head) };
    const session = this.sessions.find(sid);
    if (session === undefined) return { answer: engineError('unknownSession') };
    if (!session.isPolling) return { answer: engineError('badRequest') };
    return {
      handle: () => new Promise<HttpResponse>((resolve) => session.poll(resolve)),
      abandon: () => session.pollEnded(),
    };
  }

  /** A session that begins with polls. */
  private handshake(head: RequestHead): HttpResponse {
    const handshake = handshakeOf('socketio', head);
    const refused = this.noRoom(handshake);
    if (refused !== null) return refused;
    const session = this.sessions.open(handshake, this.clientOf);
    return { status: 200, headers: TEXT, body: this.greeting(session.sid, true) };
  }

  private posting({ query }: RequestHead): Verdict {
    const wrong = this.problem(query, 'polling');
    if (wrong !== null) return { answer: wrong };
    const sid = query.get('sid');
    if (sid === null) return { answer: engineError('badMethod') };
    const session = this.sessions.find(sid);
    if (session === undefined) return { answer: engineError('unknownSession') };
    if (session.isPosting || !session.isPolling) {
      // Two bodies at once have no order.
      if (session.isPosting) session.close('bad_request', 'expected one body at a time');
      return { answer: engineError('badRequest') };
    }
    session.isPosting = true;
    return {
      abandon: () => {
        session.isPosting = false;
      },
      handle: ({ body }) => {
        session.isPosting = false;
        if (session.posted(body)) return { status: 200, headers: TEXT, body: 'ok' };
        session.close('bad_request', 'expected packets of Engine.IO 4');
        return engineError('badRequest');
      },
    };
  }

  private admitSocket(handshake: Handshake): SocketVerdict {
    const query = new URLSearchParams(handshake.query);
    const wrong = this.problem(query, 'websocket');
    if (wrong !== null) return { answer: wrong };
    const foreign = this.node.parts.origins.problem(handshake.origin);
    if (foreign !== null) return { answer: refusalResponse(foreign) };
    const sid = query.get('sid');
    if (sid === null) {
      const refused = this.noRoom(handshake);
      return refused === null ? { open: (transport) => this.begin(handshake, transport) } : { answer: refused };
    }
    const session = this.sessions.find(sid);
    if (session === undefined) return { answer: engineError('unknownSession') };
    if (!session.takesUpgrade) return { answer: engineError('badRequest') };
    return { open: (transport) => session.upgrading(transport) };
  }

  private begin(handshake: Handshake, transport: Transport): TransportListener {
    const session = this.sessions.open(plainHandshake('socketio', handshake), this.clientOf);
    return session.began(transport, this.greeting(session.sid, false));
  }

  private problem(query: URLSearchParams, transport: EngineTransport): HttpResponse | null {
    const asked = query.get('transport');
    if (!this.settings.transports.some((name) => name === asked)) return engineError('unknownTransport');
    if (query.get('EIO') !== VERSION) return engineError('unknownVersion');
    return asked === transport ? null : engineError('badRequest');
  }

  private noRoom(handshake: Handshake): HttpResponse | null {
    const { mode } = this.node.parts;
    if (!mode.isAdmitting)
      return refusalResponse(
        refusal('not_admitting', `expected a node that takes connections: this one is ${mode.mode}`, 2_000),
      );
    const full = this.sessions.problem(handshake);
    return full === null ? null : refusalResponse(full);
  }

  /** @param polls whether it may still be upgraded */
  private greeting(sid: string, polls: boolean): string {
    const { transports, pingIntervalMs: pingInterval, pingTimeoutMs: pingTimeout } = this.settings;
    const maxPayload = this.node.parts.context.limits.maxMessageSize;
    const upgrades = polls && transports.includes('websocket') ? ['websocket'] : [];
    return openPacket({ sid, upgrades, pingInterval, pingTimeout, maxPayload });
  }
}
