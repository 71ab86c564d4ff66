/** The admin endpoints that change something: each makes a command of the request and sends it to every node. */
import { z } from 'zod';
import { COMMANDS, type Command, type CommandName, type ControlBus, type Outcome } from '../control/command.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse, Method } from '../node/route.ts';
import { refusal } from '../protocol/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { AdminRequest, AdminRoute } from './admin-access.ts';
import { readBody } from './json-body.ts';

interface AdminCommandEndpoint {
  readonly method: Exclude<Method, 'OPTIONS'>;
  readonly path: string;
  /** Its name in the OpenAPI description. */
  readonly operation: string;
  readonly summary: string;
  readonly command: CommandName;
  /** Fields of the command that the path gives. */
  readonly given?: (request: AdminRequest) => Readonly<Record<string, unknown>>;
}

/** Every admin endpoint that changes something. docs/openapi.json is generated from this table. */
export const ADMIN_COMMANDS: readonly AdminCommandEndpoint[] = [
  {
    method: 'POST',
    path: '/admin/emergency-mode',
    operation: 'emergencyMode',
    summary: 'Makes the service read-only, or normal again.',
    command: 'emergency_mode',
  },
  {
    method: 'POST',
    path: '/admin/connections/disable-new',
    operation: 'disableNew',
    summary: 'Takes no new connections; those that are open stay.',
    command: 'admission',
    given: () => ({ admits: false }),
  },
  {
    method: 'POST',
    path: '/admin/connections/enable-new',
    operation: 'enableNew',
    summary: 'Takes new connections again.',
    command: 'admission',
    given: () => ({ admits: true }),
  },
  {
    method: 'PUT',
    path: '/admin/config/rate-limits',
    operation: 'rateLimits',
    summary: 'Changes rate limits until the next restart, or for ttl_secs.',
    command: 'rate_limits',
  },
  {
    method: 'PUT',
    path: '/admin/config/log-level',
    operation: 'logLevel',
    summary: 'Changes log levels until the next restart, or for ttl_secs.',
    command: 'log_level',
  },
  {
    method: 'POST',
    path: '/admin/broadcast',
    operation: 'broadcast',
    summary: 'Sends a SystemNotification to every connection.',
    command: 'broadcast',
  },
  {
    method: 'DELETE',
    path: '/admin/connections/:id',
    operation: 'disconnect',
    summary: 'Closes one connection.',
    command: 'disconnect',
    given: ({ parameters }) => ({ connection_id: parameters['id'] }),
  },
  {
    method: 'POST',
    path: '/admin/users/:id/disconnect',
    operation: 'disconnectUser',
    summary: 'Closes all connections of a user.',
    command: 'disconnect_user',
    given: ({ parameters }) => ({ user: parameters['id'] }),
  },
  {
    method: 'POST',
    path: '/admin/tokens/revoke',
    operation: 'revoke',
    summary: 'Revokes a token, the tokens of a user, or everything issued before a time.',
    command: 'revoke',
  },
  {
    method: 'POST',
    path: '/admin/rights/changed',
    operation: 'rightsChanged',
    summary:
      'Has the owners of topics asked anew what was decided; live subscriptions that are not allowed any more end.',
    command: 'rights_changed',
  },
  {
    method: 'POST',
    path: '/admin/trace',
    operation: 'setTrace',
    summary: 'Traces the messages of a topic or pattern, or traces them no longer.',
    command: 'trace',
  },
  {
    method: 'POST',
    path: '/admin/apps/dead-letters/replay',
    operation: 'replayAppDeadLetters',
    summary: 'Has an application try again what it has given up: all of it, or some.',
    command: 'replay',
  },
  {
    method: 'POST',
    path: '/admin/drain',
    operation: 'drain',
    summary: 'Drains this node and ends its process, as SIGTERM does. {"node": "*"} drains all nodes.',
    command: 'drain',
  },
];

const WHICH_WORKER =
  'expected node: the name of a worker (GET /admin/nodes lists them), or "*" for all nodes of the service; SIGTERM to the parent drains all of its workers';

/** What every one of them takes beside the command's own fields. */
const OPTIONS = { dry_run: z.boolean().default(false), node: z.string().min(1).max(64).optional() };

/** @param thisNode what a drain without `node` is for; `null` where the caller cannot know which node answers */
export function adminCommandRoutes(bus: ControlBus, thisNode: string | null, log: Log): AdminRoute[] {
  return ADMIN_COMMANDS.map((endpoint) => ({
    method: endpoint.method,
    path: endpoint.path,
    handle: (request) => run(endpoint, request, bus, thisNode, log),
  }));
}

/** The body of an endpoint: the command's fields without those that the path gives, and the common options. */
export function bodySchema({ command, given }: AdminCommandEndpoint): z.ZodType {
  const { shape } = COMMANDS[command] as z.ZodObject;
  const fixed = given === undefined ? [] : Object.keys(given({ parameters: {} } as AdminRequest));
  const rest = Object.fromEntries(Object.entries(shape).filter(([name]) => !fixed.includes(name)));
  return z.strictObject({ ...rest, ...OPTIONS });
}

async function run(
  endpoint: AdminCommandEndpoint,
  request: AdminRequest,
  bus: ControlBus,
  thisNode: string | null,
  log: Log,
): Promise<HttpResponse> {
  const body = readBody(request.body, bodySchema(endpoint));
  if ('response' in body) return body.response;
  const { dry_run: dryRun, node, ...fields } = body.value as z.output<z.ZodObject<typeof OPTIONS>>;
  if (endpoint.command === 'drain' && node === undefined && thisNode === null)
    return refusalResponse(refusal('invalid_field', WHICH_WORKER));
  // Once more as the command, whose refinements look at several fields together.
  const read = readBody(JSON.stringify({ ...fields, ...endpoint.given?.(request) }), COMMANDS[endpoint.command]);
  if ('response' in read) return read.response;
  const command = { name: endpoint.command, arguments: read.value } as Command;
  const outcomes = await bus.send(command, dryRun, target(endpoint, node, thisNode ?? undefined));
  const done = outcomes.filter(({ applied }) => applied).length;
  log.info(dryRun ? 'Admin change tried' : done > 0 ? 'Admin change' : 'Admin change not applied', {
    audit: true,
    who: request.who,
    address: request.address,
    command: command.name,
    arguments: JSON.stringify(command.arguments),
    until: isoTime(untilOf(outcomes)),
    nodes: outcomes.length,
    applied: done,
    connections: total(outcomes),
  });
  return respond(command, dryRun, outcomes);
}

/** A drain without `node` is for the node that was asked: draining everything has to be said. */
function target(
  { command }: AdminCommandEndpoint,
  node: string | undefined,
  thisNode: string | undefined,
): string | undefined {
  if (node === '*') return undefined;
  return node ?? (command === 'drain' ? thisNode : undefined);
}

function respond(command: Command, dryRun: boolean, outcomes: readonly Outcome[]): HttpResponse {
  const problems = outcomes.filter(({ problem }) => problem !== undefined);
  if (outcomes.length === 0 || problems.length === outcomes.length) {
    const message = problems[0]?.problem ?? 'no such node';
    const isAbout = command.name === 'log_level' || command.name === 'trace' ? 'invalid_field' : 'not_found';
    return refusalResponse(refusal(isAbout, message));
  }
  return {
    status: 200,
    body: {
      command: command.name,
      dry_run: dryRun,
      applied: outcomes.some(({ applied }) => applied),
      until: isoTime(untilOf(outcomes)),
      connections: total(outcomes),
      messages_per_second: outcomes.reduce((sum, { messages_per_second: rate }) => sum + rate, 0),
      nodes: outcomes,
    },
  };
}

function total(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { connections }) => sum + connections, 0);
}

function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function untilOf(outcomes: readonly Outcome[]): number | null {
  return outcomes.find(({ until }) => until !== null)?.until ?? null;
}
