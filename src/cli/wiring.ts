/** Chooses and connects the parts of a node. Nothing is decided anywhere else. */
import { hostname } from 'node:os';
import { DeadLetters } from '../actor/dead-letters.ts';
import { Supervisor, type Policy } from '../actor/supervisor.ts';
import { Authenticator } from '../auth/authenticator.ts';
import type { VerificationKey } from '../auth/hmac-signature.ts';
import { Rights } from '../auth/rights.ts';
import { MemoryBroker } from '../broker/memory.ts';
import type { RetentionRules } from '../broker/retention.ts';
import type { Config } from '../config/schema.ts';
import { Backlog } from '../connection/backlog.ts';
import type { ConnectionContext, FrameHandler } from '../connection/context.ts';
import { Flusher } from '../connection/flusher.ts';
import { healthRoutes } from '../http/health.ts';
import { infoRoutes } from '../http/info.ts';
import { metricsRoutes } from '../http/metrics.ts';
import { KeyedBuckets } from '../limits/keyed-buckets.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import { UserLimits } from '../limits/user-limits.ts';
import { readGauges } from '../node/gauges.ts';
import { NodeMode } from '../node/mode.ts';
import { Node } from '../node/node.ts';
import { Pulse } from '../node/pulse.ts';
import type { Route } from '../node/route.ts';
import { PAGE_BYTES, PAGE_MESSAGES } from '../protocol/limits.ts';
import { Router } from '../router/router.ts';
import { MemorySessionStore } from '../session/memory.ts';
import { Alerts } from '../telemetry/alerts.ts';
import { Counters } from '../telemetry/counters.ts';
import { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { LogFactory, parseLevels } from '../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../telemetry/system-clock.ts';
import { listen, type Server } from '../transport/server.ts';
import { uwsVersion } from '../transport/uws.ts';
import { version } from './version.ts';

/** What an application adds to the core. */
export interface Extensions {
  readonly frameHandlers?: ReadonlyMap<string, FrameHandler>;
  readonly routes?: readonly Route[];
}

export interface RunningNode {
  readonly node: Node;
  readonly port: number;
  readonly logs: LogFactory;
  /** Drains and stops; resolves when every connection is gone. */
  stop(): Promise<void>;
}

/** Connections flushed between two looks at the clock. */
const FLUSH_STRIDE = 8;
/** A closing handshake may take this long. */
const CLOSE_TIMEOUT_BEATS = 5;
/** Bytes of replies that may wait for a connection. */
const CONTROL_BYTES = 262_144;
/** Addresses remembered for failed tokens. */
const FAILURE_ADDRESSES = 100_000;
/** How long a topic without messages and subscribers keeps its epoch and sequence. */
const FORGET_TOPIC_MS = 24 * 3_600_000;
const SWEEP_USERS_BEATS = 10;

/**
 * Builds a node and starts serving.
 * @param onFatal called when the node cannot go on; it should end the process
 * @throws when the port cannot be listened on
 */
export async function startNode(
  config: Config,
  onFatal: () => void,
  extensions: Extensions = {},
): Promise<RunningNode> {
  const name =
    config.server.node_name ??
    hostname()
      .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
      .slice(0, 64);
  const logs = new LogFactory(parseLevels(config.logging.level), config.logging.format, { node: name });
  const counters = new Counters();
  const deadLetters = new DeadLetters(config.actor_system.dead_letters);
  const supervisor = buildSupervisor(config, logs, counters, deadLetters);
  const mode = new NodeMode(name, random.id().slice(0, 6), (current) =>
    logs.room('node').info('Mode changed', { mode: current }),
  );
  const broker = buildBroker(config);
  const sessions = new MemorySessionStore(config.session.ttl_secs * 1_000, config.session.capacity, clock);
  const flusher = new Flusher(
    {
      sliceMs: config.actor_system.flush_slice_ms,
      readSliceMs: config.actor_system.flush_slice_ms / 2,
      stride: FLUSH_STRIDE,
      coalesceMs: config.actor_system.coalesce_ms,
    },
    clock,
    scheduler,
  );
  const router = buildRouter(config, broker, flusher, logs);
  const backlog = new Backlog(config.actor_system.mailboxes_total_bytes);
  flusher.serve(router, backlog);
  const authenticator = buildAuthenticator(config);
  const rates = config.rate_limiting;
  const context: ConnectionContext = {
    clock,
    scheduler,
    random,
    counters,
    broker,
    router,
    flusher,
    backlog,
    supervisor,
    deadLetters,
    sessions,
    log: logs.room('connection'),
    policy: connectionPolicy(config),
    rights: buildRights(config),
    users: new UserLimits(
      { perSecond: rates.user_rps, burst: rates.user_burst },
      config.websocket.max_connections_per_user,
    ),
    nodeBucket: new TokenBucket({ perSecond: rates.global_rps, burst: rates.global_burst }),
    limits: connectionLimits(config),
    extensions: extensions.frameHandlers ?? new Map(),
    node: mode,
    verify: (token, reply) => authenticator.verify(token, reply),
    liveSession: (id) => node.bySession(id),
    ended: (connection) => node.forget(connection),
  };
  const failureRate = { perSecond: config.auth.failures_per_minute / 60, burst: config.auth.failures_per_minute };
  const node: Node = new Node(
    {
      maxConnections: config.websocket.max_connections,
      acceptsPerSecond: config.websocket.accepts_per_second,
      allowedOrigins: config.security.allowed_origins,
      trustedProxies: config.server.trusted_proxies,
      queryToken: config.auth.query_token,
    },
    { context, mode, authenticator, failures: new KeyedBuckets(failureRate, FAILURE_ADDRESSES) },
  );
  await broker.start(router);
  const pulse = new Pulse(
    supervisor,
    clock,
    scheduler,
    () => {
      node.beat();
      broker.sweep();
      router.sweep();
      sessions.sweep();
      if (mode.beat % SWEEP_USERS_BEATS === 0) context.users.sweep(clock.elapsed());
    },
    onFatal,
  );
  const build = { version, node_version: process.version, uws_version: uwsVersion };
  const metrics = new MetricsRegistry(counters, () => {
    const { topics, bytes, idempotencyKeys } = broker.usage();
    const labels = { version, node: process.version, uws: uwsVersion };
    return readGauges(node, {
      logTopics: topics,
      logBytes: bytes,
      idempotencyKeys,
      sessions: sessions.size,
      eventLoopLagSeconds: pulse.lagMs / 1_000,
      build: labels,
    });
  });
  const routes = [
    ...healthRoutes(node),
    ...infoRoutes(node, build),
    ...(config.metrics.enabled ? metricsRoutes(node, metrics) : []),
    ...(extensions.routes ?? []),
  ];
  const server = await listen(node, routes, serverOptions(config), counters, logs.room('transport'));
  pulse.start();
  mode.send({ type: 'STARTED' });
  return { node, port: server.port, logs, stop: () => stopNode(config, node, broker, pulse, server) };
}

async function stopNode(config: Config, node: Node, broker: MemoryBroker, pulse: Pulse, server: Server): Promise<void> {
  // The listener stays until the end: who comes now is told 503 with Retry-After, and readiness says why.
  await node.drain({ graceMs: config.shutdown.grace_secs * 1_000, closesPerSecond: config.shutdown.closes_per_second });
  server.close();
  pulse.end();
  await broker.stop();
}

function buildSupervisor(config: Config, logs: LogFactory, counters: Counters, deadLetters: DeadLetters): Supervisor {
  const log = logs.room('actor');
  const alerts = new Alerts(log, config.admin.alert_webhook);
  return new Supervisor(clock, scheduler, deadLetters, {
    restarted: (actor, error, restarts) => {
      counters.restarts += 1;
      log.warn('Actor failed and goes on', { actor, error, restarts });
    },
    alert: ({ actor, message, restarts, error }) => {
      counters.actorsStopped += 1;
      alerts.raise(message, { actor, restarts, error });
    },
  });
}

function buildBroker({ topics }: Config): MemoryBroker {
  const fallback = { messages: topics.history, ageMs: topics.age_secs * 1_000, bytes: topics.max_bytes };
  const retention: RetentionRules = {
    fallback,
    direct: { messages: topics.direct_history, ageMs: topics.direct_age_secs * 1_000, bytes: topics.max_bytes },
    rules: topics.rules.map((rule) => ({
      pattern: rule.pattern,
      messages: rule.history ?? fallback.messages,
      ageMs: rule.age_secs === undefined ? fallback.ageMs : rule.age_secs * 1_000,
      bytes: rule.max_bytes ?? fallback.bytes,
    })),
  };
  const options = {
    retention,
    maxTopics: topics.max_topics,
    maxBytes: topics.total_bytes,
    idempotencyWindowMs: topics.idempotency_window_secs * 1_000,
    idempotencyKeys: topics.idempotency_keys,
    forgetAfterMs: FORGET_TOPIC_MS,
  };
  return new MemoryBroker(options, clock, random);
}

function buildRouter(config: Config, broker: MemoryBroker, flusher: Flusher, logs: LogFactory): Router {
  const { mailbox_capacity: messages, mailbox_bytes: bytes, mailboxes_total_bytes: totalBytes } = config.actor_system;
  return new Router(
    { tail: { messages, bytes, totalBytes }, lingerMs: config.topics.linger_secs * 1_000 },
    broker,
    flusher,
    clock,
    logs.room('router'),
  );
}

/** The keys that tokens may be signed with. */
export function verificationKeys({ auth }: Config): VerificationKey[] {
  const keys = [
    ['jwt_secret', auth.jwt_secret],
    ['jwt_previous_secret', auth.jwt_previous_secret],
  ] as const;
  return keys.flatMap(([name, secret]) =>
    secret === undefined ? [] : [{ name, secret: new TextEncoder().encode(secret) }],
  );
}

export function buildAuthenticator(config: Config): Authenticator {
  const { auth } = config;
  const options = {
    keys: verificationKeys(config),
    algorithms: auth.algorithms,
    issuer: auth.issuer,
    audience: auth.audience,
    leewaySecs: auth.leeway_secs,
    requireExpiry: auth.require_expiry,
    cacheSize: auth.cache_size,
  };
  return new Authenticator(options, clock);
}

export function buildRights({ topics }: Config): Rights {
  return new Rights({
    fallback: { subscribe: topics.subscribe, publish: topics.publish },
    direct: topics.direct_publish,
    rules: topics.rules.map(({ pattern, subscribe = topics.subscribe, publish = topics.publish }) => ({
      pattern,
      subscribe,
      publish,
    })),
  });
}

function connectionPolicy({ actor_system: actors, websocket }: Config): Policy {
  return {
    inbox: { capacity: actors.inbound_capacity, bytes: websocket.max_message_size * 16, strategy: 'refuse' },
    maxRestarts: actors.max_restarts,
    windowMs: actors.restart_window_secs * 1_000,
    atLimit: 'stop',
  };
}

function connectionLimits({
  actor_system: actors,
  websocket,
  auth,
  rate_limiting: rates,
}: Config): ConnectionContext['limits'] {
  return {
    mailboxCapacity: actors.mailbox_capacity,
    mailboxBytes: actors.mailbox_bytes,
    controlCapacity: actors.control_capacity,
    controlBytes: CONTROL_BYTES,
    pageMessages: PAGE_MESSAGES,
    pageBytes: PAGE_BYTES,
    maxMessageSize: websocket.max_message_size,
    maxSubscriptions: websocket.max_subscriptions,
    maxMatchedTopics: websocket.max_matched_topics,
    heartbeatBeats: websocket.heartbeat_interval_secs,
    clientTimeoutBeats: websocket.client_timeout_secs,
    stallTimeoutBeats: websocket.stall_timeout_secs,
    closeTimeoutBeats: CLOSE_TIMEOUT_BEATS,
    leewayMs: auth.leeway_secs * 1_000,
    limitRates: rates.enabled,
    connectionRate: { perSecond: rates.connection_rps, burst: rates.connection_burst },
  };
}

function serverOptions({ server, websocket }: Config): Parameters<typeof listen>[2] {
  return {
    host: server.host,
    port: server.port,
    maxMessageSize: websocket.max_message_size,
    compression: websocket.compression,
  };
}
