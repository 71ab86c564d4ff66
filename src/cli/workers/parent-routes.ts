/** What the parent of workers answers on the admin port: for all of them, or through one of them. */
import { ADMIN_ENDPOINTS } from '../../http/openapi/admin-endpoints.ts';
import { refusalResponse } from '../../node/refusal-response.ts';
import type { Handler, HttpRequest, HttpResponse, Method, OpenRoute, RequestHead, Route } from '../../node/route.ts';
import { refusal } from '../../protocol/errors.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { ForwardedRequest } from './messages.ts';
import { parentMetricsRoutes } from './parent-metrics.ts';
import type { SummedMetrics } from './summed-metrics.ts';
import type { Worker } from './worker-process.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { WorkerSupervisor } from './worker-supervisor.ts';

export interface ParentParts {
  readonly name: string;
  readonly supervisor: WorkerSupervisor;
  readonly metrics: SummedMetrics;
  readonly clock: Clock;
  readonly hasMetrics: boolean;
  isEnding(): boolean;
}

/** A worker that does not answer so fast is left out of what is said of all. */
const ANSWER_MS = 2_000;
/** A profile takes up to a minute. */
const FORWARD_MS = 75_000;
/** Headers that the routes look at. */
const HEADERS = ['authorization', 'x-forwarded-for', 'accept', 'content-type'] as const;

export function parentRoutes(parts: ParentParts): Route[] {
  return [
    { method: 'GET', path: '/health', handle: () => health(parts) },
    { method: 'GET', path: '/health/live', handle: () => ({ status: 200, body: { status: 'alive' } }) },
    { method: 'GET', path: '/health/ready', handle: () => readiness(parts) },
    ...(parts.hasMetrics
      ? parentMetricsRoutes({ ...parts, ask, forwarded: (path) => forwarded(parts, 'GET', path) })
      : []),
    ...ADMIN_ENDPOINTS.map(({ method, path }) => (method === 'GET' ? forwarded : guarded)(parts, method, path)),
  ];
}

async function health(parts: ParentParts): Promise<HttpResponse> {
  const { name, supervisor, clock } = parts;
  const isEnding = parts.isEnding();
  const workers = await Promise.all(
    supervisor.slots.map(async (slot) => ({
      name: slot.name,
      pid: slot.worker?.pid ?? null,
      state: slot.state,
      restarts: slot.restarts,
      connections: Number(fieldOf(await ask(slot, '/health'), 'active_connections') ?? 0),
    })),
  );
  const serving = supervisor.serving.length;
  return {
    status: serving > 0 && !isEnding ? 200 : 503,
    body: {
      status: isEnding ? 'draining' : statusOf(serving, workers.length),
      node: name,
      workers_serving: serving,
      active_connections: workers.reduce((sum, { connections }) => sum + connections, 0),
      uptime_secs: Math.floor(clock.elapsed() / 1_000),
      broker: 'redis',
      workers,
    },
  };
}

function statusOf(serving: number, all: number): string {
  if (serving === all) return 'healthy';
  return serving > 0 ? 'degraded' : 'no worker serves';
}

/** The kernel gives a client to any worker, so one that is ready is enough to be sent clients. */
async function readiness(parts: ParentParts): Promise<HttpResponse> {
  const { supervisor } = parts;
  const isEnding = parts.isEnding();
  const answers = await Promise.all(supervisor.serving.map((slot) => ask(slot, '/health/ready')));
  const ready = answers.filter((answer) => answer?.status === 200).length;
  const isReady = ready > 0 && !isEnding;
  return {
    status: isReady ? 200 : 503,
    body: {
      ready: isReady,
      mode: isEnding ? 'draining' : 'running',
      workers_ready: ready,
      workers: supervisor.slots.length,
    },
  };
}

/** Through the worker that `?node=` names, that has the connection, or the first that serves: commands reach all anyway. */
function forwarded(parts: ParentParts, method: Method, path: string): OpenRoute {
  const handle: Handler = (request) => forward(parts, path, request);
  return { method, path, handle };
}

/** The same for those whom a worker lets in, before their body is kept here. */
function guarded(parts: ParentParts, method: Method, path: string): Route {
  const handle: Handler = (request) => forward(parts, path, request);
  return {
    method,
    path,
    authorize: (head, decide) => {
      void through(parts, path, head, (worker, plainHead) =>
        worker.call({ what: 'authorize', route: path, request: { ...plainHead, body: '' } }, ANSWER_MS),
      ).then((answer) => decide(answer === null ? { handle } : { answer }));
    },
  };
}

function forward(parts: ParentParts, path: string, request: HttpRequest): Promise<HttpResponse> {
  return through(parts, path, request, (worker, plainHead) =>
    worker.call({ what: 'route', route: path, request: { ...plainHead, body: request.body } }, FORWARD_MS),
  );
}

/** Asks the worker that a request is for. */
async function through<T>(
  { supervisor }: ParentParts,
  path: string,
  head: RequestHead,
  ask: (worker: Worker, plainHead: Omit<ForwardedRequest, 'body'>) => Promise<T>,
): Promise<T | HttpResponse> {
  const { serving } = supervisor;
  const wanted = head.query.get('node');
  const own = choose(serving, wanted, head.parameters['id'] ?? '');
  // No worker of ours: what only looks can be of any node of the service, which each of them knows how to ask.
  const isView = head.method === 'GET' && path.startsWith('/admin/');
  const slot = own === undefined && isView ? serving[0] : own;
  if (slot === undefined || slot.worker === null) return nobody(serving, wanted);
  try {
    return await ask(slot.worker, plain(head, isView ? wanted : null));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refusalResponse(refusal('internal', `${slot.name}: ${why}`, 1_000));
  }
}

function choose(serving: readonly WorkerSlot[], wanted: string | null, id: string): WorkerSlot | undefined {
  if (wanted !== null) return serving.find(({ name }) => name === wanted);
  // Ids of connections begin with the name of their node.
  return serving.find(({ name }) => id.startsWith(`${name}-`)) ?? serving[0];
}

function nobody(serving: readonly WorkerSlot[], wanted: string | null): HttpResponse {
  if (serving.length === 0)
    return refusalResponse(refusal('not_admitting', 'expected a worker that serves: none does', 2_000));
  const names = serving.map(({ name }) => name).join(', ');
  return refusalResponse(refusal('not_found', `expected node to be one of ${names}, got ${JSON.stringify(wanted)}`));
}

/** @param node the one that the worker is to ask, which may be itself; `null` where that is no question of nodes */
function plain(request: RequestHead, node: string | null): Omit<ForwardedRequest, 'body'> {
  const { method, path, parameters, address } = request;
  const query = new URLSearchParams(request.query);
  query.delete('node');
  if (node !== null) query.set('node', node);
  const headers = HEADERS.flatMap((name) => {
    const value = request.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { method, path, query: query.toString(), headers: Object.fromEntries(headers), parameters, address };
}

/** `null` when it does not answer. */
async function ask({ worker }: WorkerSlot, path: string): Promise<HttpResponse | null> {
  const request = { method: 'GET', path, query: '', headers: {}, parameters: {}, body: '', address: '' } as const;
  try {
    return (await worker?.call({ what: 'route', route: path, request }, ANSWER_MS)) ?? null;
  } catch {
    return null;
  }
}

function fieldOf(response: HttpResponse | null, name: string): unknown {
  const body = response?.body;
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>)[name] : undefined;
}
