/** Chooses and connects the parts of a node (node/ has one file a part). Nothing is decided anywhere else. */
import { AppEvents } from '../apps/app-events.ts';
import type { LoadedApp } from '../apps/loaded.ts';
import type { RunningApps } from '../apps/run.ts';
import type { Config } from '../config/schema.ts';
import type { FrameHandler } from '../connection/context.ts';
import { answerView, onAnyNode } from '../http/admin-elsewhere.ts';
import { doctorRoute, factsRoute } from '../http/admin-facts.ts';
import { appDeadLetterRoute } from '../http/app-dead-letters.ts';
import { adminViewRoutes } from '../http/admin-views.ts';
import { figuresRoute } from '../http/figures.ts';
import { metricsRoutes } from '../http/metrics.ts';
import { secretsView } from '../http/secrets-view.ts';
import { userConnectionView } from '../http/user-connections.ts';
import { NodeFigures } from '../node/figures.ts';
import type { Node } from '../node/node.ts';
import { Operations } from '../node/operations.ts';
import type { Route } from '../node/route.ts';
import type { Queues } from '../queue/queues.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { Scrapes } from '../telemetry/scrapes.ts';
import { processUsage } from '../telemetry/process-usage.ts';
import { LogFactory, parseLevels } from '../telemetry/pino-log.ts';
import { comparedSecrets } from './authentication.ts';
import { configuredConsole } from './console.ts';
import { LoadWatch } from '../telemetry/load-watch.ts';
import { systemClock as clock } from '../telemetry/system-clock.ts';
import { listenAll, listenAsWorker } from './listening.ts';
import { runApps } from './node/apps.ts';
import { messageFate } from './node/message-fate.ts';
import { joinControl } from './node/control.ts';
import { buildCore, type Core } from './node/core.ts';
import { openNodeDatabase, type NodeDatabase } from './node/database.ts';
import { examineSelf } from './node/doctor.ts';
import { nodeFacts } from './node/facts.ts';
import { buildMetrics, outsideGauges } from './node/metrics.ts';
import { buildUpkeep } from './node/presence.ts';
import { openQueues, queueHealth } from './node/queue.ts';
import { buildPulse } from './node/pulse.ts';
import { adminRoutes, appDialects, appRoutes, publicRoutes } from './node/routes.ts';
import { buildSocketIo } from './node/socketio.ts';
import { stopNode, type StopOptions } from './node/stop.ts';
import { nodeName } from './node-name.ts';
import { buildStorage } from './storage/build.ts';
import type { Storage } from './storage/storage.ts';

export interface NodeSetup {
  readonly config: Config;
  /** Called when the node cannot go on, or an operator has told it to drain: the caller stops it. */
  readonly onEnd: (reason: 'fatal' | 'drain') => void;
  readonly apps?: readonly LoadedApp[];
  /** Shares its port with others; `/metrics` and `/admin` are left to the parent, which calls the routes. */
  readonly isWorker?: boolean;
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

/**
 * Builds a node and starts serving.
 * @throws when an application does not start, or the port cannot be listened on
 */
export async function startNode(setup: NodeSetup): Promise<RunningNode> {
  const { config, onEnd, apps = [], isWorker = false } = setup;
  const name = nodeName(config);
  const logs = new LogFactory(parseLevels(config.logging.level), config.logging.format, { node: name });
  const storage = await buildStorage(config, name, logs, {
    ephemeral: apps.flatMap(({ app }) => app.ephemeral ?? []),
    hasQueues: apps.some(({ app }) => app.queues !== undefined),
  });
  const { bus } = storage;
  const keepsPresence = apps.some(({ app }) => app.presence === true);
  const frameHandlers = new Map<string, FrameHandler>();
  const core = buildCore({ config, name, logs, storage, frameHandlers, keepsPresence });
  const { node, context, mode } = core;
  const events = new AppEvents(config.apps.deadline_ms);
  let running: RunningApps | null = null;
  const operations = buildOperations(
    core,
    logs,
    events,
    () => running,
    () => onEnd('drain'),
  );
  await storage.broker.start(context.router);
  const upkeep = buildUpkeep(config, context, storage, logs);
  const figures = new NodeFigures(node, processUsage);
  const load = new LoadWatch();
  const pulse = buildPulse(core, operations, storage, figures, load, () => onEnd('fatal'));
  let database: NodeDatabase | null = null;
  let queues: Queues | null = null;
  const gauges = outsideGauges(
    storage,
    pulse,
    logs,
    () => database,
    () => queues,
  );
  const metrics = buildMetrics(core, gauges);

  const socketIo = await buildSocketIo(config, core);
  const own = publicRoutes(
    config,
    core,
    storage,
    () => running,
    () => database,
    () => queueHealth(queues, apps),
    socketIo,
  );
  const scrapes = new Scrapes(clock);
  const metricRoutes = config.metrics.enabled ? metricsRoutes(node, metrics, scrapes) : [];
  const facts = {
    config,
    loaded: apps,
    core,
    storage,
    load,
    gauges,
    logs,
    // Those of workers are asked for by their parent.
    scrapes: isWorker ? null : scrapes,
    apps: () => running,
    database: () => database,
    queues: () => queues,
  };
  const views = [
    ...adminViewRoutes(node, bus, storage.views, operations, async (id) => running?.stagesOf(id) ?? {}),
    factsRoute(clock, () => nodeFacts(facts)),
    figuresRoute(name, figures),
    appDeadLetterRoute(name, () => running?.deadLetters ?? new Map()),
    secretsView(name, comparedSecrets(config)),
  ];
  const ofAnyNode = onAnyNode(views, { own: name, bus, views: storage.views });
  const looking = [...views, doctorRoute(clock, () => examineSelf(name, config, apps, ofAnyNode))];

  let port = config.server.port;
  const clientPort = (): number | null => (config.admin.port === undefined ? null : port);
  const admin = [
    ...adminRoutes(config, core, storage, looking, isWorker, logs, () => queues),
    // The page of workers comes from their parent.
    ...(isWorker ? [] : configuredConsole(config, clientPort)),
  ];

  await joinControl(config, core, operations, storage, () => port);
  const askedByNodes = [...looking, userConnectionView(node)];
  storage.views?.start(mode.instance, (request) => answerView(askedByNodes, request, logs.room('http')));
  // The process may go on without this node: nothing of it may be left.
  const letGo = async (error: unknown): Promise<never> => {
    await running?.stop(config.apps.deadline_ms);
    await queues?.stop();
    await database?.stop();
    await storage.stop();
    throw error;
  };
  const taken = [...own, ...metricRoutes, ...admin];
  const { shared } = storage;
  database = await openNodeDatabase(config, name, apps, logs).catch(letGo);
  queues = await openQueues(config, apps, storage.queues, logs, name).catch(letGo);
  const setOfApps = {
    config,
    apps,
    core,
    bus,
    shared,
    database,
    queues,
    metrics,
    logs,
    events,
    fate: (id: string) => messageFate(ofAnyNode, id),
    frames: frameHandlers,
    routes: taken,
  };
  running = await runApps(setOfApps).catch(letGo);
  const dialects = appDialects(config, core, running);
  const routes = [...own, ...appRoutes(config, core, running), ...dialects.routes];
  socketIo?.serve(running.eventTables);
  const socketRoutes = [...(socketIo?.socketRoutes ?? []), ...dialects.socketRoutes];
  const transportLog = logs.room('transport');
  const listening = isWorker
    ? listenAsWorker(config, node, routes, socketRoutes, context.counters, transportLog)
    : listenAll(config, node, [...routes, ...metricRoutes], admin, socketRoutes, context.counters, transportLog);
  const servers = await listening.catch(letGo);
  port = servers.port;
  pulse.start();
  load.start();
  upkeep?.start();
  return {
    node,
    port: servers.port,
    adminPort: servers.adminPort,
    logs,
    routes: [...routes, ...metricRoutes, ...admin],
    storage,
    metrics,
    stop: (options) =>
      stopNode(
        config,
        { node, storage, pulse, load, upkeep, socketIo, servers, apps: running, database, queues },
        options,
      ),
  };
}

function buildOperations(
  { node, authenticator }: Core,
  logs: LogFactory,
  events: AppEvents,
  apps: () => RunningApps | null,
  drain: () => void,
): Operations {
  return new Operations(node, {
    authenticator,
    setLogLevels: (text) => logs.setLevels(parseLevels(text)),
    logLevels: () => logs.levelsText,
    drain,
    appEvent: (told) => events.told(told),
    replay: (app) => {
      const kept = apps()?.deadLetters.get(app);
      return kept === undefined ? null : (ids) => kept.replay(ids);
    },
    log: logs.room('control'),
  });
}
