/** Clients of Socket.IO: what a node serves them, with the event tables of its applications. */
import type { EventTable } from '../../node/event-table.ts';
import { clientAddress } from '../../node/client-address.ts';
import type { Node } from '../../node/node.ts';
import type { GuardedRoute } from '../../node/route.ts';
import type { SocketRoute } from '../../node/socket-route.ts';
import { EngineSessions } from './engine-sessions.ts';
import { EventPackets } from './event-packets.ts';
import { OWN_TABLE } from './own-events.ts';
import { EngineRoutes, type EngineTransport } from './routes.ts';
import { SocketIoClient, type Namespace } from './socket-io-client.ts';

export interface SocketIoSettings {
  readonly transports: readonly EngineTransport[];
  readonly recoveryTopics: number;
  readonly connectTimeoutSecs: number;
  /** The longest that a poll may wait. */
  readonly maxWaitMs: number;
  readonly maxSessions: number;
  readonly handshakesPerSecond: number;
  readonly trustedProxies: readonly string[];
}

export interface SocketIo {
  readonly routes: readonly GuardedRoute[];
  readonly socketRoutes: readonly SocketRoute[];
  /** Takes the tables of applications, before the first client. One for `/` takes the place of the server's own. */
  serve(tables: readonly EventTable[]): void;
  end(): void;
}

const UPGRADE_BEATS = 10;
const BEAT_MS = 1_000;

export function socketIo(node: Node, settings: SocketIoSettings): SocketIo {
  const { limits, clock, scheduler } = node.parts.context;
  // A ping ends a poll, and no poll may take longer than others.
  const pingBeats = Math.max(1, Math.min(limits.heartbeatBeats, Math.floor(settings.maxWaitMs / BEAT_MS)));
  const pongBeats = Math.max(1, limits.clientTimeoutBeats - pingBeats);
  const sessions = new EngineSessions(
    {
      pingBeats,
      pongBeats,
      connectBeats: settings.connectTimeoutSecs,
      upgradeBeats: UPGRADE_BEATS,
      maxSessions: settings.maxSessions,
      handshakesPerSecond: settings.handshakesPerSecond,
      trustedProxies: settings.trustedProxies,
    },
    clock,
    scheduler,
  );
  const namespaces = new Map<string, Namespace>();
  const serve = (tables: readonly EventTable[]): void => {
    for (const table of [OWN_TABLE, ...tables])
      namespaces.set(table.namespace, { table, packets: new EventPackets(table) });
  };
  serve([]);
  const { transports, recoveryTopics } = settings;
  const engine = new EngineRoutes(
    node,
    sessions,
    { transports, pingIntervalMs: pingBeats * BEAT_MS, pingTimeoutMs: pongBeats * BEAT_MS },
    (session) => new SocketIoClient(node, session, { namespaces, recoveryTopics }),
  );
  const senderOf: GuardedRoute['senderOf'] = (head) =>
    clientAddress({ peer: head.address, forwardedFor: head.header('x-forwarded-for') ?? '' }, settings.trustedProxies);
  return {
    routes: engine.routes.map((route) => ({ ...route, senderOf })),
    socketRoutes: [engine.socketRoute],
    serve,
    end: () => sessions.end(),
  };
}
