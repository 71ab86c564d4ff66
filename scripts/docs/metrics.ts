/** The reference of metrics, from their table. */
import { METRICS } from '../../src/telemetry/metrics.ts';

export function metricsPage(): string {
  return [
    '# Metrics',
    '',
    '<!-- generated from src/telemetry/metrics.ts: change it there and run `make docs` -->',
    '',
    '`GET /metrics` is the Prometheus text format; with `Accept: application/json`, and at `/metrics.json`, the same as JSON together with',
    '`active_connections` and `rate_limit_stats`. The usual `process_*` and `nodejs_*` metrics come with the text. Labels take their values from',
    'tables of the server, never from clients, so the number of series is bounded.',
    '',
    'Two must always be 0: `signalbox_delivery_unaccounted` and `signalbox_native_dropped_total`. Anything else is a bug of the server.',
    '',
    '| metric | type | labels | what it says |',
    '| --- | --- | --- | --- |',
    ...METRICS.map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`),
    '',
  ].join('\n');
}
