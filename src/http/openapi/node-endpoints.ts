/** What a node says of itself, described. */
import { z } from 'zod';
import { METRICS } from '../../telemetry/metrics.ts';
import type { Endpoint } from './endpoint.ts';

const mode = z.enum(['starting', 'running', 'read_only', 'draining', 'stopped']).meta({ id: 'Mode' });

const apps = z
  .record(z.string(), z.object({ status: z.enum(['healthy', 'degraded', 'unhealthy']), detail: z.string().optional() }))
  .optional();

const health = z
  .object({
    status: z
      .string()
      .describe(
        'healthy; degraded, when it serves and its storage is in trouble; or the mode in which it does not serve',
      ),
    node: z.string(),
    mode,
    admitting: z.boolean().describe('whether new connections are taken'),
    active_connections: z.int(),
    uptime_secs: z.int(),
    broker: z.string(),
    broker_state: z.string().optional().describe('away, unfit, full, slow or emptied; absent when all is well'),
    broker_problem: z.string().optional().describe('the cause, in words'),
    apps: apps.describe('applications that say how they are'),
  })
  .meta({ id: 'Health' });

const readiness = z
  .object({ ready: z.boolean(), mode, apps: apps.describe('needed applications that are unhealthy') })
  .meta({ id: 'Readiness' });

const info = z
  .object({
    name: z.string(),
    node: z.string(),
    version: z.string(),
    node_version: z.string(),
    uws_version: z.string(),
    protocol_version: z.int(),
    subprotocols: z.array(z.string()),
    endpoint: z.string(),
  })
  .meta({ id: 'Info' });

const rate = z.object({ connection_rps: z.number(), user_rps: z.number(), global_rps: z.number() });

const metrics = z
  .object({
    active_connections: z.int(),
    rate_limit_stats: z.object({
      enabled: z.boolean(),
      limits: rate,
      limited: z.object({ connection: z.int(), user: z.int(), global: z.int() }),
    }),
    metrics: z.record(z.string(), z.unknown()).describe(`by name, ${METRICS[0]?.name ?? ''} for one; docs/metrics.md`),
  })
  .meta({ id: 'Metrics' });

const text = z.string().describe('Prometheus text format');
const TAG = { tag: 'node' } as const;

export const NODE_ENDPOINTS: readonly Endpoint[] = [
  {
    ...TAG,
    method: 'GET',
    path: '/health',
    operation: 'health',
    summary: 'How the node is.',
    response: health,
    otherResponses: { 503: { description: 'The node does not serve: it starts or drains.', content: health } },
  },
  {
    ...TAG,
    method: 'GET',
    path: '/health/live',
    operation: 'live',
    summary: 'For liveness probes.',
    response: z.object({ status: z.literal('alive') }),
  },
  {
    ...TAG,
    method: 'GET',
    path: '/health/ready',
    operation: 'ready',
    summary: 'For readiness probes and load balancers.',
    response: readiness,
    otherResponses: { 503: { description: 'New connections are not taken.', content: readiness } },
  },
  { ...TAG, method: 'GET', path: '/info', operation: 'info', summary: 'What runs here.', response: info },
  {
    ...TAG,
    method: 'GET',
    path: '/metrics',
    operation: 'metrics',
    summary:
      'Metrics for Prometheus; as JSON when `Accept` names `application/json`. Absent with metrics.enabled = false.',
    response: { byMediaType: { 'text/plain': text, 'application/json': metrics } },
  },
  {
    ...TAG,
    method: 'GET',
    path: '/metrics.json',
    operation: 'metricsJson',
    summary: 'Metrics as JSON. Absent with metrics.enabled = false.',
    response: metrics,
  },
  {
    ...TAG,
    method: 'GET',
    path: '/openapi.json',
    operation: 'description',
    summary: 'This description.',
    response: z.object({ openapi: z.string() }),
  },
];
