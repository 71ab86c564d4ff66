/** The parent of workers: starts them, answers for them, and ends when they have. */
import type { Config } from '../../config/schema.ts';
import { Alerts } from '../../telemetry/alerts.ts';
import { Counters } from '../../telemetry/counters.ts';
import type { Log } from '../../telemetry/log.ts';
import { LogFactory, parseLevels } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';
import { listenHttp } from '../../transport/server.ts';
import { configuredConsole } from '../console.ts';
import { reportClosedTopics } from '../closed-topics.ts';
import type { ExitCode } from '../command.ts';
import { reportMemory } from '../memory-bounds.ts';
import { nodeName } from '../node-name.ts';
import { endOnUnhandledRejection } from '../unhandled.ts';
import { waitForEnd } from '../wait-for-end.ts';
import { welcome } from '../welcome.ts';
import { claimPort } from './claim-port.ts';
import { parentRoutes } from './parent-routes.ts';
import { SummedMetrics } from './summed-metrics.ts';
import { WorkerProcess } from './worker-process.ts';
import { WorkerSupervisor } from './worker-supervisor.ts';

/** The longest name with room for `-w64`. */
const MAX_NAME = 60;
const NOBODY_LEFT = 'operators have drained every worker';

/**
 * Runs until a signal, or until operators have drained the last worker.
 * @param reload reads the configuration anew, for SIGHUP
 * @throws when a port cannot be listened on, or no worker begins to serve
 */
export async function serveWorkers(config: Config, reload: () => Promise<Config>): Promise<ExitCode> {
  const name = nodeName(config).slice(0, MAX_NAME);
  const logs = new LogFactory(parseLevels(config.logging.level), config.logging.format, { node: name });
  const log = logs.room('workers');
  endOnUnhandledRejection(logs);
  const port = await claimPort(config.server.host, config.server.port);
  const ending = new AbortController();
  const metrics = new SummedMetrics();
  let current = config;
  const supervisor = new WorkerSupervisor(
    Array.from({ length: config.server.workers }, (_, at) => `${name}-w${at + 1}`),
    {
      clock,
      scheduler,
      random,
      log,
      alerts: new Alerts(log, config.admin.alert_webhook),
      launch: (worker, events) => new WorkerProcess(configOf(current, config, port, worker), events),
      retired: (last) => metrics.retire(last),
    },
    () => ending.abort(NOBODY_LEFT),
  );
  process.once('exit', () => supervisor.kill());
  let isEnding = false;
  const parts = { name, supervisor, metrics, clock, hasMetrics: config.metrics.enabled, isEnding: () => isEnding };
  const door = { host: config.admin.host, port: config.admin.port ?? 0 };
  const routes = [...parentRoutes(parts), ...configuredConsole(config, () => port)];
  const admin = await listenHttp(routes, door, new Counters(), logs.room('transport'));
  // A worker that begins has the newest configuration already.
  let hasStarted = false;
  process.on('SIGHUP', () => {
    if (!hasStarted) return;
    void reloaded(reload, current, log).then((config) => {
      current = config;
      void supervisor.roll(current.shutdown.grace_secs * 1_000);
    });
  });
  const end = waitForEnd(ending.signal, ['SIGTERM', 'SIGINT'], () => supervisor.kill());
  const serving = await Promise.race([supervisor.start(), end]);
  if (serving === 0)
    throw new Error(`none of ${config.server.workers} workers began to serve: what they said is above`);
  hasStarted = true;
  if (typeof serving === 'number') {
    const { host } = config.server;
    log.info('Serving', {
      port,
      host,
      profile: config.profile,
      broker: 'redis',
      workers: serving,
      admin_port: admin.port,
    });
    reportMemory(config, log);
    reportClosedTopics(config, log);
    await welcome(config, port);
  }
  const reason = await end;
  isEnding = true;
  log.info('Stopping', { reason, workers: supervisor.serving.length });
  await supervisor.drainAll(current.shutdown.grace_secs * 1_000);
  admin.close();
  log.info('Stopped', {});
  return 0;
}

/** @param first what cannot change while the parent runs is taken from here */
function configOf(current: Config, first: Config, port: number, name: string): Config {
  const { server, admin } = current;
  const { port: _port, ...rest } = admin;
  return { ...current, server: { ...server, host: first.server.host, port, node_name: name, workers: 1 }, admin: rest };
}

/** A configuration that is wrong changes nothing: the workers are replaced with the one that they have. */
async function reloaded(reload: () => Promise<Config>, before: Config, log: Log): Promise<Config> {
  try {
    return await reload();
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.error('The new configuration is wrong: the workers keep the one that they have', { problem });
    return before;
  }
}
