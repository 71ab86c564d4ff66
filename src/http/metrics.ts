/** Metrics for Prometheus, and as JSON for people with curl and jq. */
import type { Node } from '../node/node.ts';
import type { HttpResponse, Route } from '../node/route.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import type { Scrapes } from '../telemetry/scrapes.ts';

export function metricsRoutes(node: Node, metrics: MetricsRegistry, scrapes: Scrapes): Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      handle: async (request) => {
        if (request.header('accept')?.includes('application/json') === true) return asJson(node, metrics);
        scrapes.came();
        const { contentType, body } = await metrics.text();
        return { status: 200, headers: { 'content-type': contentType }, body };
      },
    },
    { method: 'GET', path: '/metrics.json', handle: () => asJson(node, metrics) },
  ];
}

function asJson(node: Node, metrics: MetricsRegistry): HttpResponse {
  const { counters, limits, users, nodeBucket } = node.parts.context;
  return {
    status: 200,
    body: {
      active_connections: node.connections.length,
      rate_limit_stats: {
        enabled: limits.limitRates,
        limits: {
          connection_rps: limits.connectionRate.perSecond,
          user_rps: users.rate.perSecond,
          global_rps: nodeBucket.rate.perSecond,
        },
        limited: {
          connection: counters.rateLimited.get('connection'),
          user: counters.rateLimited.get('user'),
          global: counters.rateLimited.get('global'),
        },
      },
      metrics: metrics.json(),
    },
  };
}
