/** What the configuration says of one connection, in the terms of the core. */
import type { Policy } from '../actor/supervisor.ts';
import type { Config } from '../config/schema.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { PAGE_BYTES, PAGE_MESSAGES } from '../protocol/limits.ts';

/** A closing handshake may take this long. */
const CLOSE_TIMEOUT_BEATS = 5;
/** Bytes of replies that may wait for a connection. */
const CONTROL_BYTES = 262_144;

export function connectionPolicy({ actor_system: actors, websocket }: Config): Policy {
  return {
    inbox: { capacity: actors.inbound_capacity, bytes: websocket.max_message_size * 16 },
    maxFailures: actors.max_restarts,
    windowMs: actors.restart_window_secs * 1_000,
    atLimit: 'stop',
  };
}

export function connectionLimits({
  actor_system: actors,
  websocket,
  streams,
  auth,
  rate_limiting: rates,
  topics,
  apps,
}: Config): ConnectionContext['limits'] {
  return {
    mailboxCapacity: actors.mailbox_capacity,
    mailboxBytes: actors.mailbox_bytes,
    controlCapacity: actors.control_capacity,
    controlBytes: CONTROL_BYTES,
    pageMessages: PAGE_MESSAGES,
    pageBytes: PAGE_BYTES,
    maxMessageSize: websocket.max_message_size,
    idempotencyWindowMs: topics.idempotency_window_secs * 1_000,
    maxSubscriptions: websocket.max_subscriptions,
    maxMatchedTopics: websocket.max_matched_topics,
    heartbeatBeats: websocket.heartbeat_interval_secs,
    clientTimeoutBeats: websocket.client_timeout_secs,
    streamHeartbeatBeats: streams.heartbeat_interval_secs,
    streamBeats: streams.max_secs,
    stallTimeoutBeats: websocket.stall_timeout_secs,
    closeTimeoutBeats: CLOSE_TIMEOUT_BEATS,
    leewayMs: auth.leeway_secs * 1_000,
    limitRates: rates.enabled,
    decisionTimeoutMs: apps.decision_timeout_ms,
    connectionRate: { perSecond: rates.connection_rps, burst: rates.connection_burst },
  };
}
