/** What is measured of a node. */
import { readGauges, type OutsideGauges } from '../../node/gauges.ts';
import type { Pulse } from '../../node/pulse.ts';
import type { Queues } from '../../queue/queues.ts';
import { MetricsRegistry } from '../../telemetry/metrics-registry.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import type { Storage } from '../storage/storage.ts';
import { build } from './build.ts';
import type { Core } from './core.ts';
import type { NodeDatabase } from './database.ts';

/** What the node itself does not know. */
export function outsideGauges(
  storage: Storage,
  pulse: Pulse,
  logs: LogFactory,
  database: () => NodeDatabase | null,
  queues: () => Queues | null,
): () => OutsideGauges {
  const labels = { version: build.version, node: build.node_version, uws: build.uws_version };
  return () => ({
    ...storage.usage(),
    database: database()?.usage() ?? null,
    queues: queues()?.usage() ?? null,
    eventLoopLagSeconds: pulse.lagMs / 1_000,
    logLinesLost: logs.lostLines,
    build: labels,
  });
}

export function buildMetrics({ node, context }: Core, outside: () => OutsideGauges): MetricsRegistry {
  return new MetricsRegistry(context.counters, () => readGauges(node, outside()));
}
