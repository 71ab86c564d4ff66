/** The core of a node: what connections share, who may connect, and the live set itself. */
import { DeadLetters } from '../../actor/dead-letters.ts';
import { Supervisor } from '../../actor/supervisor.ts';
import type { Authenticator } from '../../auth/authenticator.ts';
import type { Config } from '../../config/schema.ts';
import { buildContext, type ContextSettings } from '../../connection/build-context.ts';
import type { ConnectionContext, FrameHandler } from '../../connection/context.ts';
import { KeyedBuckets } from '../../limits/keyed-buckets.ts';
import { NodeMode } from '../../node/mode.ts';
import { Node } from '../../node/node.ts';
import { Origins } from '../../node/origins.ts';
import { AlertRecord, Alerts } from '../../telemetry/alerts.ts';
import { Counters } from '../../telemetry/counters.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';
import { buildAuthenticator, buildKeySet, buildDecisions } from '../authentication.ts';
import { connectionLimits, connectionPolicy } from '../connection-limits.ts';
import type { Storage } from '../storage/storage.ts';
import { conflationOf } from './conflation.ts';
import { buildPresence } from './presence.ts';

export interface Core {
  readonly node: Node;
  readonly mode: NodeMode;
  readonly context: ConnectionContext;
  readonly authenticator: Authenticator;
  readonly origins: Origins;
  readonly alerts: AlertRecord;
}

interface CoreSetup {
  readonly config: Config;
  readonly name: string;
  readonly logs: LogFactory;
  readonly storage: Storage;
  readonly frameHandlers: ReadonlyMap<string, FrameHandler>;
  /** Whether an application keeps who is there. */
  readonly keepsPresence: boolean;
}

/** Connections flushed between two looks at the clock. */
const FLUSH_STRIDE = 8;
/** Addresses remembered for failed tokens. */
const FAILURE_ADDRESSES = 100_000;

export function buildCore({ config, name, logs, storage, frameHandlers, keepsPresence }: CoreSetup): Core {
  const { websocket, server, auth, security, actor_system: actors, profile } = config;
  const mode = new NodeMode(name, random.id().slice(0, 6), random.id() + random.id(), (current) =>
    logs.room('node').info('Mode changed', { mode: current }),
  );
  const counters = new Counters();
  const alerts = new AlertRecord();
  const deadLetters = new DeadLetters(actors.dead_letters);
  const authenticator = buildAuthenticator(config, buildKeySet(config, logs.room('auth')));
  const context = buildContext(
    {
      clock,
      scheduler,
      random,
      counters,
      broker: storage.broker,
      supervisor: buildSupervisor(config, logs, counters, deadLetters, alerts),
      deadLetters,
      sessions: storage.sessions,
      log: logs.room('connection'),
      frameLog: logs.room('frames'),
      policy: connectionPolicy(config),
      authorizer: buildDecisions(config),
      owners: null,
      presence: buildPresence(
        config,
        { store: storage.presence, clock, scheduler, counters },
        mode.instance,
        keepsPresence,
      ),
      events: null,
      limits: connectionLimits(config),
      frameHandlers,
      node: mode,
      revoked: (principal) => authenticator.problem(principal),
      verify: (token, reply) => authenticator.verify(token, reply),
      liveSession: (id) => node.bySession(id),
      ended: (connection) => node.forget(connection),
    },
    contextSettings(config),
    logs.room('router'),
  );
  for (const pattern of config.trace.topics) context.router.tracing.enable(pattern, null);
  const failureRate = { perSecond: auth.failures_per_minute / 60, burst: auth.failures_per_minute };
  const failures = new KeyedBuckets(failureRate, FAILURE_ADDRESSES);
  const origins = new Origins(
    { allowed: security.allowed_origins, isTold: profile === 'development' },
    clock,
    logs.room('node'),
  );
  const node: Node = new Node(
    {
      maxConnections: websocket.max_connections,
      acceptsPerSecond: websocket.accepts_per_second,
      trustedProxies: server.trusted_proxies,
      queryToken: auth.query_token,
    },
    { context, mode, authenticator, origins, failures },
  );
  return { node, mode, context, authenticator, origins, alerts };
}

function contextSettings(config: Config): ContextSettings {
  const { actor_system: actors, topics, trace, rate_limiting: rates, websocket } = config;
  return {
    flushing: {
      sliceMs: actors.flush_slice_ms,
      readSliceMs: actors.flush_slice_ms / 2,
      stride: FLUSH_STRIDE,
      coalesceMs: actors.coalesce_ms,
    },
    routing: {
      tail: {
        messages: actors.mailbox_capacity,
        bytes: actors.mailbox_bytes,
        totalBytes: actors.mailboxes_total_bytes,
      },
      lingerMs: topics.linger_secs * 1_000,
      restMs: topics.rest_secs * 1_000,
      conflation: conflationOf(config),
      trace: { messages: trace.messages, recipients: trace.recipients },
    },
    mailboxesBytes: actors.mailboxes_total_bytes,
    userRate: { perSecond: rates.user_rps, burst: rates.user_burst },
    connectionsPerUser: websocket.max_connections_per_user,
    nodeRate: { perSecond: rates.global_rps, burst: rates.global_burst },
  };
}

function buildSupervisor(
  config: Config,
  logs: LogFactory,
  counters: Counters,
  deadLetters: DeadLetters,
  record: AlertRecord,
): Supervisor {
  const log = logs.room('actor');
  const alerts = new Alerts(log, config.admin.alert_webhook, record);
  return new Supervisor(clock, scheduler, deadLetters, {
    wentOn: (actor, error, restarts) => {
      counters.actorFailures += 1;
      log.warn('Actor failed and goes on', { actor, error, restarts });
    },
    alert: ({ actor, message, restarts, error }) => {
      counters.actorsStopped += 1;
      alerts.raise(message, { actor, restarts, error });
    },
  });
}
