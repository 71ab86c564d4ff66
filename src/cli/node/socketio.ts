/** Clients of Socket.IO, where the configuration lets them in: their packets are read by packages that others need not load. */
import type { Config } from '../../config/schema.ts';
import type { SocketIo } from '../../dialects/socketio/socketio.ts';
import type { Core } from './core.ts';

export async function buildSocketIo(
  { socketio, streams, websocket, server }: Config,
  { node }: Core,
): Promise<SocketIo | null> {
  if (!socketio.enabled) return null;
  const { socketIo } = await import('../../dialects/socketio/socketio.ts');
  return socketIo(node, {
    transports: socketio.transports,
    recoveryTopics: socketio.recovery_topics,
    connectTimeoutSecs: socketio.connect_timeout_secs,
    maxWaitMs: streams.max_wait_ms,
    maxSessions: websocket.max_connections,
    handshakesPerSecond: websocket.accepts_per_second,
    trustedProxies: server.trusted_proxies,
  });
}
