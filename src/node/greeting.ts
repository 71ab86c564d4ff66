/** The first frame of a connection: who and where the client is, and what holds here. */
import type { Connection } from '../connection/connection.ts';
import { MAX_BATCH_FRAMES, MAX_HISTORY_LIMIT, MAX_TOPICS_PER_FRAME, PROTOCOL_VERSION } from '../protocol/limits.ts';
import type { NodeMode } from './mode.ts';

/** @param mode of the node, with its name */
export function greeting(connection: Connection, mode: NodeMode): Record<string, unknown> {
  const { context } = connection;
  const { limits } = context;
  return {
    connection_id: connection.id,
    session_id: connection.sessionId,
    user: connection.principal.user,
    ...(connection.principal.tenant !== '' && { tenant: connection.principal.tenant }),
    node: mode.name,
    server_time: context.clock.now(),
    protocol_version: PROTOCOL_VERSION,
    mode: mode.mode,
    heartbeat_interval_ms: limits.heartbeatBeats * 1_000,
    client_timeout_ms: limits.clientTimeoutBeats * 1_000,
    max_message_size: limits.maxMessageSize,
    token_expires_at: Number.isFinite(connection.principal.expiresAt) ? connection.principal.expiresAt : null,
    limits: {
      max_subscriptions: limits.maxSubscriptions,
      connection_rps: limits.connectionRate.perSecond,
      connection_burst: limits.connectionRate.burst,
      user_rps: context.users.rate.perSecond,
      max_topics_per_frame: MAX_TOPICS_PER_FRAME,
      max_batch: MAX_BATCH_FRAMES,
      history_limit: MAX_HISTORY_LIMIT,
      idempotency_window_ms: limits.idempotencyWindowMs,
    },
    mailbox: { capacity: limits.mailboxCapacity, bytes: limits.mailboxBytes, overflow_strategy: 'drop_oldest' },
    features: [
      'patterns',
      'history',
      'idempotency',
      'direct_messages',
      ...(context.presence === null ? [] : ['presence']),
      ...(connection.batching ? ['batching'] : []),
      ...context.frameHandlers.keys(),
    ],
  };
}
