/** What a node answers by HTTP: to everybody, to scrapers, and to operators. */
import type { RunningApps } from '../../apps/run.ts';
import type { Config } from '../../config/schema.ts';
import { dialectRoutesOf } from '../../dialects/apps/routes.ts';
import type { PollSettings } from '../../dialects/poll.ts';
import { dialectRoutes } from '../../dialects/routes.ts';
import type { SocketIo } from '../../dialects/socketio/socketio.ts';
import { AdminAccess, type AdminRoute } from '../../http/admin-access.ts';
import { adminCommandRoutes } from '../../http/admin-commands.ts';
import { adminQueueRoutes } from '../../http/admin-queues.ts';
import { onAnyNode } from '../../http/admin-elsewhere.ts';
import { applicationRoutes } from '../../http/application-routes.ts';
import { crossOrigin } from '../../http/cross-origin.ts';
import { developmentPageRoutes } from '../../http/development-page/route.ts';
import { healthRoutes, type QueueHealth } from '../../http/health.ts';
import { infoRoutes } from '../../http/info.ts';
import { openApiRoutes } from '../../http/openapi/routes.ts';
import { Profiler } from '../../http/profile.ts';
import { publishRoutes } from '../../http/publish.ts';
import { presenceRoutes } from '../../http/presence.ts';
import { tokenCheckRoute } from '../../http/token-check.ts';
import { topicRoutes } from '../../http/topics.ts';
import { userConnectionRoutes } from '../../http/user-connections.ts';
import type { ApplicationRoute } from '../../node/application-route.ts';
import type { Queues } from '../../queue/queues.ts';
import type { GuardedRoute, Route } from '../../node/route.ts';
import type { SocketRoute } from '../../node/socket-route.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { buildRights } from '../authentication.ts';
import { developmentSigner } from '../development-token.ts';
import type { Storage } from '../storage/storage.ts';
import { version } from '../version.ts';
import { build } from './build.ts';
import type { Core } from './core.ts';
import type { NodeDatabase } from './database.ts';

/** @param apps what runs, once it does */
export function publicRoutes(
  config: Config,
  { node, mode, origins }: Core,
  storage: Storage,
  apps: () => RunningApps | null,
  database: () => NodeDatabase | null,
  queues: () => QueueHealth | null,
  socketIo: SocketIo | null,
): Route[] {
  const proxies = config.server.trusted_proxies;
  return [
    ...healthRoutes(node, storage, () => apps()?.health() ?? {}, database, queues),
    ...infoRoutes(node, build),
    ...openApiRoutes(version, () => apps()?.routes ?? []),
    ...crossOrigin(
      [
        ...publishRoutes(node, proxies),
        ...topicRoutes(node, proxies),
        ...presenceRoutes(node, proxies),
        ...userConnectionRoutes(node, { own: mode.name, bus: storage.bus, views: storage.views }, proxies),
      ],
      origins,
    ),
    ...crossOrigin(dialectRoutes(node, proxies, streamSettings(config)), origins),
    ...crossOrigin(socketIo?.routes ?? [], origins, true),
    ...developmentRoutes(config),
  ];
}

function streamSettings({ streams }: Config): PollSettings {
  return { maxTopics: streams.max_topics, maxWaitMs: streams.max_wait_ms };
}

/** Routes of applications, with a preflight for each path that pages may call. */
export function appRoutes(config: Config, { node, origins }: Core, { routes }: RunningApps): Route[] {
  const serve = (given: readonly ApplicationRoute[]): GuardedRoute[] =>
    applicationRoutes(node, config.server.trusted_proxies, given);
  const forPages = routes.filter((route) => route.crossOrigin);
  return [...crossOrigin(serve(forPages), origins), ...serve(routes.filter((route) => !route.crossOrigin))];
}

/** Protocols of applications. */
export function appDialects(
  config: Config,
  { node, origins }: Core,
  { dialects }: RunningApps,
): { readonly routes: readonly Route[]; readonly socketRoutes: readonly SocketRoute[] } {
  const { routes, socketRoutes } = dialectRoutesOf(node, config.server.trusted_proxies, dialects);
  return { routes: crossOrigin(routes, origins), socketRoutes };
}

/** @param looking the views of this node, which other nodes have as well */
export function adminRoutes(
  config: Config,
  { node, mode }: Core,
  { bus, views }: Storage,
  looking: readonly AdminRoute[],
  isWorker: boolean,
  logs: LogFactory,
  queues: () => Queues | null,
): Route[] {
  const access = new AdminAccess(
    { token: config.admin.token, trustedProxies: config.server.trusted_proxies },
    node.parts,
    logs.room('http'),
  );
  return [
    ...onAnyNode(looking, { own: mode.name, bus, views }),
    ...adminCommandRoutes(bus, isWorker ? null : mode.name, logs.room('control')),
    ...adminQueueRoutes({ node: mode.name, clock, log: logs.room('control'), queues }),
    new Profiler(scheduler).route,
    tokenCheckRoute(node, buildRights(config)),
  ].map((route) => access.guard(route));
}

/** A page to try it with, for which production has no route. */
function developmentRoutes(config: Config): Route[] {
  const sign = developmentSigner(config);
  return sign === null ? [] : developmentPageRoutes((user) => sign(user, ['user']));
}
