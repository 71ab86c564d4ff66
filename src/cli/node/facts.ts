/** Puts together what a node shows operators of itself: `GET /admin/facts`. */
import type { LoadedApp } from '../../apps/loaded.ts';
import type { RunningApps } from '../../apps/run.ts';
import type { Config } from '../../config/schema.ts';
import { comparable, shownConfiguration, type ShownValue } from '../../node/shown.ts';
import { ownFacts } from '../../node/node-facts.ts';
import type { OutsideGauges } from '../../node/gauges.ts';
import type { LoadWatch } from '../../telemetry/load-watch.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import type { Scrapes } from '../../telemetry/scrapes.ts';
import { glibcVersion, processFacts } from '../../telemetry/process-facts.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import type { Queues } from '../../queue/queues.ts';
import type { Storage } from '../storage/storage.ts';
import { build } from './build.ts';
import type { Core } from './core.ts';
import type { NodeDatabase } from './database.ts';

export interface FactSources {
  readonly config: Config;
  readonly loaded: readonly LoadedApp[];
  readonly core: Core;
  readonly storage: Storage;
  readonly load: LoadWatch;
  readonly gauges: () => OutsideGauges;
  readonly logs: LogFactory;
  readonly scrapes: Scrapes | null;
  /** Once they run. */
  readonly apps: () => RunningApps | null;
  readonly database: () => NodeDatabase | null;
  readonly queues: () => Queues | null;
}

/** A look at others may take so long, or it is left out. */
const LOOK_MS = 1_500;
const startedAt = clock.now();
/** Asking takes a report of the whole process, and it never changes. */
let glibc: string | null | undefined;

export async function nodeFacts(sources: FactSources): Promise<object> {
  const { config, core, storage, load } = sources;
  const { node, mode } = core;
  const limits = {
    connections: config.websocket.max_connections,
    mailboxBytes: config.actor_system.mailboxes_total_bytes,
  };
  const [broker, database] = await Promise.all([storage.facts(), databaseFacts(sources.database())]);
  return {
    node: mode.name,
    instance: mode.instance,
    now: clock.now(),
    started_at: startedAt,
    uptime_secs: Math.floor(clock.elapsed() / 1_000),
    mode: mode.mode,
    admitting: mode.isAdmitting,
    awaits_orders: mode.awaitsOrders,
    versions: versionsHere(),
    process: finite(processFacts()),
    configuration: configurationOf(sources),
    storage: storage.name,
    broker,
    database,
    queues: queueFacts(sources.queues()),
    load: load.facts(),
    logs: sources.logs.facts(),
    scrapes: sources.scrapes?.facts() ?? null,
    alerts: core.alerts.facts(),
    ...ownFacts(node, sources.gauges(), limits),
    apps: sources.apps()?.health() ?? {},
  };
}

function versionsHere(): Readonly<Record<string, string | null>> {
  glibc ??= glibcVersion();
  const { version, node_version: nodeVersion, uws_version: uws } = build;
  return { signalbox: version, node: nodeVersion, uws, glibc, v8: process.versions.v8 };
}

/** With the sections of applications, each key by itself. */
function configurationOf({ config, loaded }: FactSources): Readonly<Record<string, ShownValue>> {
  const ofApps = loaded.flatMap(({ keys, settings }) =>
    keys.flatMap((key) => {
      const value = (settings as Readonly<Record<string, unknown>>)[key.path.split('.').at(-1) ?? ''];
      return value === undefined ? [] : [[key.path, comparable(key, value)] as const];
    }),
  );
  return { ...shownConfiguration(config), ...Object.fromEntries(ofApps) };
}

function queueFacts(queues: Queues | null): object | null {
  if (queues === null) return null;
  const { kind, queues: all } = queues.usage();
  const trouble = queues.store.trouble();
  return {
    kind,
    trouble: trouble?.state ?? null,
    problem: trouble?.says ?? null,
    queues: all.flatMap(({ name, depth }) =>
      depth.length === 0 ? [] : [{ queue: name, ...Object.fromEntries(depth) }],
    ),
  };
}

async function databaseFacts(database: NodeDatabase | null): Promise<object | null> {
  if (database === null) return null;
  const { name, idle, busy, waiting, lost, failures } = database.usage();
  return {
    driver: name,
    needed: database.isNeeded,
    trouble: database.trouble(),
    pool: { idle, busy, waiting, lost },
    failures: Object.fromEntries(failures),
    look: database.trouble() === 'away' ? null : await inTime(database.look()),
  };
}

function inTime<T>(work: Promise<T>): Promise<T | null> {
  return new Promise((resolve) => {
    const late = scheduler.after(LOOK_MS, () => resolve(null));
    work.then(resolve, () => resolve(null)).finally(() => late.cancel());
  });
}

/** JSON knows no infinite number: no limit is `null`. */
function finite<T extends object>(facts: T): T {
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, value === Infinity ? null : value])) as T;
}
