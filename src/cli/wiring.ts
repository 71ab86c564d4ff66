/** Chooses and connects the parts of a node. Nothing is decided anywhere else. */
import { DeadLetters } from '../actor/dead-letters.ts';
import { Supervisor } from '../actor/supervisor.ts';
import type { Broker } from '../broker/broker.ts';
import type { Config } from '../config/schema.ts';
import { Backlog } from '../connection/backlog.ts';
import type { ConnectionContext, FrameHandler } from '../connection/context.ts';
import type { ControlBus } from '../control/command.ts';
import { MemoryControlBus } from '../control/memory.ts';
import { RedisControlBus } from '../control/redis.ts';
import { RedisNodeViews } from '../control/redis-views.ts';
import { Flusher } from '../connection/flusher.ts';
import { AdminAccess } from '../http/admin-access.ts';
import { adminCommandRoutes } from '../http/admin-commands.ts';
import { answerView, onAnyNode } from '../http/admin-elsewhere.ts';
import { adminViewRoutes } from '../http/admin-views.ts';
import { crossOrigin } from '../http/cross-origin.ts';
import { developmentPageRoute } from '../http/development-page/route.ts';
import { TurnGuard } from '../connection/turn-guard.ts';
import { healthRoutes } from '../http/health.ts';
import { infoRoutes } from '../http/info.ts';
import { metricsRoutes } from '../http/metrics.ts';
import { openApiRoutes } from '../http/openapi/routes.ts';
import { Profiler } from '../http/profile.ts';
import { publishRoutes } from '../http/publish.ts';
import { topicRoutes } from '../http/topics.ts';
import { KeyedBuckets } from '../limits/keyed-buckets.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import { UserLimits } from '../limits/user-limits.ts';
import { readGauges } from '../node/gauges.ts';
import { NodeMode } from '../node/mode.ts';
import { Node } from '../node/node.ts';
import { Operations } from '../node/operations.ts';
import { Origins } from '../node/origins.ts';
import { Pulse } from '../node/pulse.ts';
import type { Route } from '../node/route.ts';
import { Router } from '../router/router.ts';
import { Alerts } from '../telemetry/alerts.ts';
import { Counters } from '../telemetry/counters.ts';
import { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { LogFactory, parseLevels } from '../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../telemetry/system-clock.ts';
import type { Server } from '../transport/server.ts';
import { uwsVersion } from '../transport/uws.ts';
import { buildAuthenticator, buildKeySet, buildRights } from './authentication.ts';
import { connectionLimits, connectionPolicy } from './connection-limits.ts';
import { developmentSigner } from './development-token.ts';
import { listenAll, listenAsWorker } from './listening.ts';
import { nodeName } from './node-name.ts';
import { reachableHost } from './reachable-host.ts';
import { buildStorage, type Storage } from './storage.ts';
import { leavePort } from './workers/leave-port.ts';
import { version } from './version.ts';

/** What an application adds to the core. */
export interface Extensions {
  readonly frameHandlers?: ReadonlyMap<string, FrameHandler>;
  readonly routes?: readonly Route[];
}

export interface RunningNode {
  readonly node: Node;
  readonly port: number;
  /** Where `/admin` is served: the same as `port` unless the configuration says otherwise. */
  readonly adminPort: number;
  readonly logs: LogFactory;
  readonly routes: readonly Route[];
  readonly storage: Storage;
  readonly metrics: MetricsRegistry;
  /** Drains and stops; resolves when every connection is gone. */
  stop(options?: StopOptions): Promise<void>;
}

export interface StopOptions {
  /** Milliseconds for the connections to leave, instead of `shutdown.grace_secs`. */
  readonly graceMs?: number;
  /** Others listen on the port: newcomers are theirs from the beginning. */
  readonly listenerFirst?: boolean;
}

/** Connections flushed between two looks at the clock. */
const FLUSH_STRIDE = 8;
/** Addresses remembered for failed tokens. */
const FAILURE_ADDRESSES = 100_000;
const SWEEP_USERS_BEATS = 10;

/**
 * Builds a node and starts serving.
 * @param onEnd called when the node cannot go on, or an operator has told it to drain: the caller stops it
 * @param isWorker shares its port with others; `/metrics` and `/admin` are left to the parent, which calls the routes
 * @throws when the port cannot be listened on
 */
export async function startNode(
  config: Config,
  onEnd: (reason: 'fatal' | 'drain') => void,
  extensions: Extensions = {},
  isWorker = false,
): Promise<RunningNode> {
  const name = nodeName(config);
  const logs = new LogFactory(parseLevels(config.logging.level), config.logging.format, { node: name });
  const counters = new Counters();
  const deadLetters = new DeadLetters(config.actor_system.dead_letters);
  const supervisor = buildSupervisor(config, logs, counters, deadLetters);
  const mode = new NodeMode(name, random.id().slice(0, 6), random.id() + random.id(), (current) =>
    logs.room('node').info('Mode changed', { mode: current }),
  );
  const storage = buildStorage(config, name, logs);
  const { broker, sessions } = storage;
  const bus = buildControlBus(storage, logs);
  const views = storage.link === null ? null : new RedisNodeViews(storage.link, random, scheduler);
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
  const authenticator = buildAuthenticator(config, buildKeySet(config, logs.room('auth')));
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
    turnGuard: new TurnGuard(scheduler),
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
    revoked: (principal) => authenticator.problem(principal),
    verify: (token, reply) => authenticator.verify(token, reply),
    liveSession: (id) => node.bySession(id),
    ended: (connection) => node.forget(connection),
  };
  const failureRate = { perSecond: config.auth.failures_per_minute / 60, burst: config.auth.failures_per_minute };
  const failures = new KeyedBuckets(failureRate, FAILURE_ADDRESSES);
  const origins = new Origins(
    { allowed: config.security.allowed_origins, isTold: config.profile === 'development' },
    clock,
    logs.room('node'),
  );
  const node: Node = new Node(
    {
      maxConnections: config.websocket.max_connections,
      acceptsPerSecond: config.websocket.accepts_per_second,
      trustedProxies: config.server.trusted_proxies,
      queryToken: config.auth.query_token,
    },
    { context, mode, authenticator, origins, failures },
  );
  const operations = new Operations(node, {
    authenticator,
    setLogLevels: (text) => logs.setLevels(parseLevels(text)),
    logLevels: () => logs.levelsText,
    drain: () => onEnd('drain'),
    log: logs.room('control'),
  });
  await broker.start(router);
  const pulse = new Pulse(
    supervisor,
    clock,
    scheduler,
    () => {
      node.beat();
      operations.beat();
      storage.sweep();
      router.sweep();
      if (mode.beat % SWEEP_USERS_BEATS === 0) context.users.sweep(clock.elapsed());
    },
    () => onEnd('fatal'),
  );
  const build = { version, node_version: process.version, uws_version: uwsVersion };
  const metrics = new MetricsRegistry(counters, () => {
    const labels = { version, node: process.version, uws: uwsVersion };
    return readGauges(node, {
      ...storage.usage(),
      eventLoopLagSeconds: pulse.lagMs / 1_000,
      logLinesLost: logs.lostLines,
      build: labels,
    });
  });
  const proxies = config.server.trusted_proxies;
  const routes = [
    ...healthRoutes(node, storage),
    ...infoRoutes(node, build),
    ...openApiRoutes(version),
    ...crossOrigin([...publishRoutes(node, proxies), ...topicRoutes(node, proxies)], origins),
    ...developmentRoutes(config),
    ...(extensions.routes ?? []),
  ];
  const metricRoutes = config.metrics.enabled ? metricsRoutes(node, metrics) : [];
  const access = new AdminAccess(
    { token: config.admin.token, trustedProxies: config.server.trusted_proxies },
    node.parts,
    logs.room('http'),
  );
  const looking = adminViewRoutes(node, bus, operations);
  const admin = [
    ...onAnyNode(looking, { own: name, bus, views }),
    ...adminCommandRoutes(bus, isWorker ? null : name, logs.room('control')),
    new Profiler(scheduler).route,
  ].map((route) => access.guard(route));
  // Before the first client can come: what was decided for all nodes holds for this one too.
  mode.send({ type: 'STARTED' });
  if (storage.link !== null && !config.redis.start_without_orders) {
    mode.send({ type: 'AWAIT_ORDERS' });
    authenticator.awaitsOrders = true;
  }
  const startedAt = clock.now();
  let port = config.server.port;
  await bus.start(
    (command, dryRun) => operations.execute(command, dryRun),
    () => ({
      node: name,
      instance: mode.instance,
      address: `${reachableHost(config.server.host)}:${port}`,
      ordinal: ordinalOf(name),
      version,
      mode: mode.mode,
      connections: node.connections.length,
      started_at: startedAt,
      seen_at: clock.now(),
    }),
    () => {
      authenticator.awaitsOrders = false;
      mode.send({ type: 'ORDERS_READ' });
    },
  );
  views?.start(mode.instance, (request) => answerView(looking, request, logs.room('http')));
  const transportLog = logs.room('transport');
  const listening = isWorker
    ? listenAsWorker(config, node, routes, counters, transportLog)
    : listenAll(config, node, [...routes, ...metricRoutes], admin, counters, transportLog);
  const servers = await listening.catch(async (error: unknown) => {
    // The process may go on without this node: nothing of it may be left.
    await bus.stop();
    await storage.stop();
    throw error;
  });
  port = servers.port;
  pulse.start();
  return {
    node,
    port: servers.port,
    adminPort: servers.adminPort,
    logs,
    routes: [...routes, ...metricRoutes, ...admin],
    storage,
    metrics,
    stop: (options) => stopNode(config, node, storage, bus, pulse, servers, options),
  };
}

/** A page to try it with, for which production has no route. */
function developmentRoutes(config: Config): Route[] {
  const sign = developmentSigner(config);
  return sign === null ? [] : [developmentPageRoute((user) => sign(user, ['user']))];
}

/** The number at the end of a name, as a StatefulSet gives it to its pods. */
function ordinalOf(name: string): number | null {
  const [, digits] = /-(\d{1,6})$/.exec(name) ?? [];
  return digits === undefined ? null : Number(digits);
}

function buildControlBus({ link }: Storage, logs: LogFactory): ControlBus {
  return link === null
    ? new MemoryControlBus()
    : new RedisControlBus(link, clock, random, scheduler, logs.room('control'));
}

async function stopNode(
  config: Config,
  node: Node,
  storage: Storage,
  bus: ControlBus,
  pulse: Pulse,
  server: Server,
  { graceMs = config.shutdown.grace_secs * 1_000, listenerFirst = false }: StopOptions = {},
): Promise<void> {
  // Alone, the listener stays until the end: clients that come now get 503 with Retry-After, and readiness says why.
  const spentMs = listenerFirst ? await leavePort(server, scheduler) : 0;
  await node.drain({ graceMs: graceMs - spentMs, closesPerSecond: config.shutdown.closes_per_second });
  if (!listenerFirst) server.close();
  pulse.end();
  // The storage ends the link that both use.
  await bus.stop();
  await storage.stop();
  // Clients of HTTP keep their connections: those would keep a process alive that goes on without the node.
  server.end();
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

function buildRouter(config: Config, broker: Broker, flusher: Flusher, logs: LogFactory): Router {
  const { mailbox_capacity: messages, mailbox_bytes: bytes, mailboxes_total_bytes: totalBytes } = config.actor_system;
  const { topics, ...trace } = config.trace;
  const { linger_secs: linger, rest_secs: rest } = config.topics;
  const router = new Router(
    { tail: { messages, bytes, totalBytes }, lingerMs: linger * 1_000, restMs: rest * 1_000, trace },
    broker,
    flusher,
    clock,
    logs.room('router'),
  );
  for (const pattern of topics) router.tracing.enable(pattern, null);
  return router;
}
