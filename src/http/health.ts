/** Health: `/health` for people, `/health/live` and `/health/ready` for orchestrators. */
import type { Node } from '../node/node.ts';
import type { HttpResponse, Route } from '../node/route.ts';

export function healthRoutes(node: Node): Route[] {
  return [
    { method: 'GET', path: '/health', handle: () => health(node) },
    // Answering is the proof of life: an event loop that hangs does not.
    { method: 'GET', path: '/health/live', handle: () => ({ status: 200, body: { status: 'alive' } }) },
    { method: 'GET', path: '/health/ready', handle: () => readiness(node) },
  ];
}

function health(node: Node): HttpResponse {
  const { mode, context } = node.parts;
  return {
    status: isServing(node) ? 200 : 503,
    body: {
      status: isServing(node) ? 'healthy' : mode.mode,
      node: mode.name,
      mode: mode.mode,
      admitting: mode.isAdmitting,
      active_connections: node.connections.length,
      uptime_secs: Math.floor(context.clock.elapsed() / 1_000),
      broker: 'memory',
    },
  };
}

function readiness(node: Node): HttpResponse {
  const { mode } = node.parts;
  return { status: mode.isAdmitting ? 200 : 503, body: { ready: mode.isAdmitting, mode: mode.mode } };
}

function isServing({ parts }: Node): boolean {
  return parts.mode.mode === 'running' || parts.mode.mode === 'read_only';
}
