/** What operators see of queues, and what they do with dead letters and with what waits. */
import { z } from 'zod';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse } from '../node/route.ts';
import { quote, refusal } from '../protocol/errors.ts';
import { QueueError } from '../queue/queue-error.ts';
import type { Queue } from '../queue/queue.ts';
import type { Queues } from '../queue/queues.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { AdminRequest, AdminRoute } from './admin-access.ts';
import { readBody } from './json-body.ts';

export const QUEUES = '/admin/queues';
export const QUEUES_DEAD = '/admin/queues/dead';
export const QUEUES_REPLAY = '/admin/queues/replay';
export const QUEUES_PURGE = '/admin/queues/purge';

const queue = z.string().min(1).max(64).describe('its name');
export const DEAD_QUERY = z.strictObject({ queue, limit: z.coerce.number().int().min(1).max(1_000).default(100) });
export const REPLAY = z.strictObject({
  queue,
  ids: z.array(z.string().min(1).max(128)).min(1).max(1_000).optional().describe('of messages; without, the oldest'),
  limit: z.int().min(1).max(10_000).default(1_000),
});
export const PURGE = z.strictObject({
  queue,
  what: z.enum(['waiting', 'dead']),
  confirm: z.string().describe('the name of the queue once more: nothing brings the messages back'),
});

/** After a replay: messages that fail at once are not to go round and round. */
const COOLDOWN_MS = 5_000;

interface Ports {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Once they are there; `null` when no application names one. */
  readonly queues: () => Queues | null;
}

export function adminQueueRoutes(ports: Ports): AdminRoute[] {
  const replayed = new Map<string, number>();
  return [
    { method: 'GET', path: QUEUES, handle: () => list(ports) },
    { method: 'GET', path: QUEUES_DEAD, handle: (request) => dead(ports, request) },
    { method: 'POST', path: QUEUES_REPLAY, handle: (request) => replay(ports, request, replayed) },
    { method: 'POST', path: QUEUES_PURGE, handle: (request) => purge(ports, request) },
  ];
}

async function list({ node, queues }: Ports): Promise<HttpResponse> {
  const all = queues();
  const rows = (all?.names ?? []).map(async (name) => {
    const depth = await all
      ?.of(name)
      .depth()
      .catch(() => null);
    return { queue: name, ...(depth ?? { ready: null, unacknowledged: null, later: null, dead: null }) };
  });
  const trouble = all?.store.trouble() ?? null;
  const state = { kind: all?.store.kind ?? null, trouble: trouble?.state ?? null, problem: trouble?.says ?? null };
  return { status: 200, body: { node, ...state, queues: await Promise.all(rows) } };
}

async function dead(ports: Ports, { query }: AdminRequest): Promise<HttpResponse> {
  const read = DEAD_QUERY.safeParse(Object.fromEntries(query));
  if (!read.success) {
    const [issue] = read.error.issues;
    return refusalResponse(refusal('invalid_field', `query ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`));
  }
  return within(ports, read.data.queue, async (found) => ({
    queue: found.name,
    total: (await found.depth()).dead,
    dead_letters: await found.dead(read.data.limit),
  }));
}

async function replay(ports: Ports, request: AdminRequest, last: Map<string, number>): Promise<HttpResponse> {
  const body = readBody(request.body, REPLAY);
  if ('response' in body) return body.response;
  const { queue: name, ids, limit } = body.value;
  const waitMs = (last.get(name) ?? -COOLDOWN_MS) + COOLDOWN_MS - ports.clock.elapsed();
  if (waitMs > 0)
    return refusalResponse(
      refusal('rate_limited', `expected ${COOLDOWN_MS / 1_000} s between two replays of a queue`, Math.ceil(waitMs)),
    );
  return within(ports, name, async (found) => {
    const replayed = await found.replay(ids ?? null, limit);
    if (replayed > 0) last.set(name, ports.clock.elapsed());
    audit(ports, request, 'replay', name, replayed);
    return { queue: name, replayed };
  });
}

async function purge(ports: Ports, request: AdminRequest): Promise<HttpResponse> {
  const body = readBody(request.body, PURGE);
  if ('response' in body) return body.response;
  const { queue: name, what, confirm } = body.value;
  if (confirm !== name)
    return refusalResponse(refusal('invalid_field', `confirm: expected ${quote(name)}, got ${quote(confirm)}`));
  return within(ports, name, async (found) => {
    const purged = await (what === 'dead' ? found.purgeDead() : found.purge());
    audit(ports, request, `purge ${what}`, name, purged);
    return { queue: name, purged };
  });
}

async function within({ queues }: Ports, name: string, work: (queue: Queue) => Promise<object>): Promise<HttpResponse> {
  const all = queues();
  if (all === null || !all.names.includes(name)) {
    const names = all?.names.join(', ') ?? '';
    const text = `expected a queue that an application names (${names || 'there is none'}), got ${quote(name)}`;
    return refusalResponse(refusal('not_found', text));
  }
  try {
    return { status: 200, body: await work(all.of(name)) };
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    return refusalResponse(refusal('queue_unavailable', error.message, 1_000));
  }
}

function audit({ log }: Ports, { who, address }: AdminRequest, command: string, name: string, messages: number): void {
  log.info('Admin change', { audit: true, who, address, command: `queue ${command}`, queue: name, messages });
}
