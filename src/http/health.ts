/** Health: `/health` for people, `/health/live` and `/health/ready` for orchestrators. */
import type { Node } from '../node/node.ts';
import type { HttpResponse, Route } from '../node/route.ts';

/** Where topics and sessions are kept. */
interface StorageHealth {
  readonly name: string;
  /** Why they cannot be relied on, or `null`. */
  trouble(): string | null;
  /** What is wrong, or will be soon, in words; a storage that is slow is no trouble yet. */
  problem(): { readonly cause: string; readonly says: string } | null;
}

/** Where applications keep things; there is one if an application uses it. */
export interface DatabaseHealth {
  /** The driver. */
  readonly name: string;
  /** Why it cannot be relied on, or `null`. */
  trouble(): string | null;
  /** Whether an application runs that cannot do without. */
  readonly isNeeded: boolean;
}

/** Where the queues of applications are kept; as of the database. */
export type QueueHealth = DatabaseHealth;

/** How an application says that it is. */
interface AppHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly detail?: string;
  readonly isNeeded?: boolean;
}

/** What applications need of others. */
interface Needed {
  readonly database: DatabaseHealth | null;
  readonly queues: QueueHealth | null;
}

type AppsHealth = () => Readonly<Record<string, AppHealth>>;

/** @param apps by name */
export function healthRoutes(
  node: Node,
  storage: StorageHealth,
  apps: AppsHealth = () => ({}),
  database: () => DatabaseHealth | null = () => null,
  queues: () => QueueHealth | null = () => null,
): Route[] {
  return [
    {
      method: 'GET',
      path: '/health',
      handle: () => health(node, storage, apps(), { database: database(), queues: queues() }),
    },
    // Answering is the proof of life: an event loop that hangs does not.
    { method: 'GET', path: '/health/live', handle: () => ({ status: 200, body: { status: 'alive' } }) },
    {
      method: 'GET',
      path: '/health/ready',
      handle: () => readiness(node, storage, apps(), { database: database(), queues: queues() }),
    },
  ];
}

function health(node: Node, storage: StorageHealth, apps: ReturnType<AppsHealth>, needed: Needed): HttpResponse {
  const { mode, context } = node.parts;
  const { database, queues } = needed;
  const isWithout = isMissing(database) || isMissing(queues);
  const problem = storage.problem();
  return {
    status: isServing(node) && !isWithout ? 200 : 503,
    body: {
      status: !isServing(node) ? mode.mode : isWithout ? 'unhealthy' : problem === null ? 'healthy' : 'degraded',
      node: mode.name,
      mode: mode.mode,
      admitting: mode.isAdmitting,
      active_connections: node.connections.length,
      uptime_secs: Math.floor(context.clock.elapsed() / 1_000),
      broker: storage.name,
      ...(problem === null ? {} : { broker_state: storage.trouble() ?? problem.cause, ...problemOf(storage) }),
      ...databaseState(database),
      ...queueState(queues),
      ...(Object.keys(apps).length === 0 ? {} : { apps: Object.fromEntries(Object.entries(apps).map(asSaid)) }),
    },
  };
}

function asSaid([name, { status, detail }]: [string, AppHealth]): [string, object] {
  return [name, { status, ...(detail === undefined ? {} : { detail }) }];
}

/** A node whose storage, database, queues or needed application is in trouble keeps its clients, but is no place for new ones. */
function readiness(node: Node, storage: StorageHealth, apps: ReturnType<AppsHealth>, needed: Needed): HttpResponse {
  const { mode } = node.parts;
  const { database, queues } = needed;
  const isWithout = isMissing(database) || isMissing(queues);
  const trouble = brokerState(storage);
  const unfit = Object.entries(apps).filter(([, { status, isNeeded }]) => isNeeded === true && status === 'unhealthy');
  const ready = mode.isAdmitting && trouble.broker_state === undefined && unfit.length === 0 && !isWithout;
  const why = {
    ...(trouble.broker_state === undefined ? {} : { broker: storage.name, ...trouble, ...problemOf(storage) }),
    ...(isMissing(database) ? databaseState(database) : {}),
    ...(isMissing(queues) ? queueState(queues) : {}),
    ...(unfit.length === 0 ? {} : { apps: Object.fromEntries(unfit.map(asSaid)) }),
  };
  return { status: ready ? 200 : 503, body: { ready, mode: mode.mode, ...why } };
}

function brokerState(storage: StorageHealth): { readonly broker_state?: string } {
  const trouble = storage.trouble();
  return trouble === null ? {} : { broker_state: trouble };
}

function problemOf(storage: StorageHealth): { readonly broker_problem?: string } {
  const problem = storage.problem();
  return problem === null ? {} : { broker_problem: `${problem.cause}: ${problem.says}` };
}

function databaseState(database: DatabaseHealth | null): object {
  if (database === null) return {};
  const trouble = database.trouble();
  return { database: database.name, ...(trouble === null ? {} : { database_state: trouble }) };
}

function queueState(queues: QueueHealth | null): object {
  if (queues === null) return {};
  const trouble = queues.trouble();
  return { queues: queues.name, ...(trouble === null ? {} : { queue_state: trouble }) };
}

function isMissing(needed: DatabaseHealth | null): boolean {
  return needed !== null && needed.isNeeded && needed.trouble() !== null;
}

function isServing({ parts }: Node): boolean {
  return parts.mode.mode === 'running' || parts.mode.mode === 'read_only';
}
