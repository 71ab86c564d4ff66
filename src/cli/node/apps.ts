/** The applications of a node: the ports that they are given, and what they give back, put where it belongs. */
import type { AppEvents } from '../../apps/app-events.ts';
import type { SharedStore } from '../../apps/host-api.ts';
import type { HostPorts, PresencePorts } from '../../apps/host-ports.ts';
import type { LoadedApp } from '../../apps/loaded.ts';
import { startApps, type RunningApps } from '../../apps/run.ts';
import type { Config } from '../../config/schema.ts';
import type { FrameHandler } from '../../connection/context.ts';
import type { ControlBus } from '../../control/command.ts';
import type { Route } from '../../node/route.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Queues } from '../../queue/queues.ts';
import { registerOwners } from '../../service/register-owners.ts';
import { Alerts } from '../../telemetry/alerts.ts';
import type { MetricsRegistry } from '../../telemetry/metrics-registry.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import { systemRandom as random } from '../../telemetry/system-clock.ts';
import { tokenIssuer } from './token-issuer.ts';
import type { Core } from './core.ts';
import type { NodeDatabase } from './database.ts';

interface AppsSetup {
  readonly config: Config;
  readonly apps: readonly LoadedApp[];
  readonly core: Core;
  readonly bus: ControlBus;
  readonly shared: SharedStore | null;
  readonly database: NodeDatabase | null;
  readonly queues: Queues | null;
  readonly metrics: MetricsRegistry;
  readonly logs: LogFactory;
  readonly events: AppEvents;
  readonly fate: HostPorts['fate'];
  /** By type; filled here. */
  readonly frames: Map<string, FrameHandler>;
  /** Routes of the server. */
  readonly routes: readonly Route[];
}

function presencePorts({ config, core: { context, node } }: AppsSetup): PresencePorts | null {
  const service = context.presence;
  if (service === null) return null;
  return { service, isOpen: (id) => node.byId(id)?.isOpen === true, deadlineMs: config.apps.deadline_ms };
}

function queueOf(queues: Queues | null, name: string): Queue {
  if (queues === null) throw new Error('expected queues to be there for an application that names one');
  return queues.of(name);
}

/** Before the first client can come. @throws AppsError */
export async function runApps(setup: AppsSetup): Promise<RunningApps> {
  const { config, core, logs, frames } = setup;
  const { context, mode } = core;
  const alerts = new Alerts(logs.room('apps'), config.admin.alert_webhook, core.alerts);
  const running = await startApps(setup.apps, {
    node: mode.name,
    context,
    random,
    bus: setup.bus,
    shared: setup.shared,
    database: (app) => setup.database?.of(app) ?? null,
    queue: (name) => queueOf(setup.queues, name),
    presence: presencePorts(setup),
    events: setup.events,
    fate: setup.fate,
    tokenIssuer: (privateKey) => tokenIssuer(config, core.authenticator, privateKey),
    addMetric: (entry) => setup.metrics.add(entry),
    alert: (message, fields) => alerts.raise(message, fields),
    counters: context.counters,
    deadLetters: context.deadLetters,
    log: (app) => logs.room(app),
    limits: {
      deadlineMs: config.apps.deadline_ms,
      decisionTimeoutMs: config.apps.decision_timeout_ms,
      blockingMs: config.apps.blocking_ms,
    },
    routes: setup.routes,
  });
  for (const [type, handler] of running.frames) frames.set(type, handler);
  if (running.owners !== null) registerOwners(context, running.owners);
  context.events = running.events;
  core.authenticator.callers = running.callers;
  return running;
}
