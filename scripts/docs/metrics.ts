/** The reference of metrics, from their table. */
import { METRICS } from '../../src/telemetry/metrics.ts';
import { WORKER_METRICS } from '../../src/telemetry/worker-metrics.ts';

const ACROSS = { sum: 'the sum', max: 'the largest', min: 'the smallest', first: 'one' } as const;

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
    ...METRICS.map(row),
    '',
    '## Workers',
    '',
    'The parent of workers (`serve --workers N`) serves one `/metrics` for all on `admin.port`, as text. Counters, histograms and amounts are',
    'summed, with what workers counted that have ended; of these others the worst, or only, value counts, and `?node=NAME` shows one worker:',
    '',
    ...METRICS.filter(({ across }) => across !== 'sum').map(({ name, across }) => `- \`${name}\`: ${ACROSS[across]}`),
    '',
    'A user or topic that several workers serve counts once for each. The parent adds:',
    '',
    '| metric | type | labels | what it says |',
    '| --- | --- | --- | --- |',
    ...WORKER_METRICS.map(row),
    '',
  ].join('\n');
}

function row({ name, type, labels, help }: Omit<(typeof METRICS)[number], 'read'>): string {
  return `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`;
}
