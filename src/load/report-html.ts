/** The report as one HTML page that needs nothing else. */
import { escape, lineChart, type Chart, type Mark } from './charts.ts';
import type { HttpReport } from './http-report.ts';
import { httpTable } from './http-report.ts';
import type { Distribution, PercentilePoint } from './latency.ts';
import { count } from './plan-text.ts';
import { stormTimes } from './plan.ts';
import { REPORT_STYLE } from './report-style.ts';
import { ms, percent, reportTable, verdictText } from './report-table.ts';
import type { LoadReport, ReportHead } from './report.ts';

type Tile = readonly [label: string, value: string];

export function reportHtml(report: LoadReport | HttpReport): string {
  return report.kind === 'http'
    ? page(report, httpTiles(report), httpCharts(report), httpTable(report))
    : page(report, loadTiles(report), loadCharts(report), reportTable(report));
}

function page(report: ReportHead, tiles: readonly Tile[], charts: readonly string[], table: string): string {
  const { machine, verdict } = report;
  const checks = report.checks.map(
    ({ name, ok, found, says }) =>
      `<tr><td class="${ok ? 'ok' : 'failed'}">${ok ? 'ok' : 'failed'}</td><td>${escape(name)}</td><td>${ok ? '' : `${count(found)} ${escape(says)}`}</td></tr>`,
  );
  const threads = report.generator.threads.map(
    ({ name, cpu, busiest }) => `<tr><td>${escape(name)}</td><td>${percent(cpu)}</td><td>${percent(busiest)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load on ${escape(report.url)}</title><style>${REPORT_STYLE}</style></head><body>
<h1>Load on ${escape(report.url)}</h1>
<p class="soft">${escape(report.startedAt)} · ${report.measuredSeconds.toFixed(1)} s measured · ${escape(machine.cpu)} × ${machine.processors} · Node.js ${escape(machine.node)} · signalbox ${escape(report.version)}</p>
<p class="verdict ${verdict}">${escape(verdictText(report))}</p>
<div class="tiles">${tiles.map(([label, value]) => `<div class="tile"><b>${escape(value)}</b><span>${escape(label)}</span></div>`).join('')}</div>
${charts.join('\n')}
<h2>Checks</h2><div class="wide"><table>${checks.join('')}</table></div>
<h2>The generator's own processor time</h2><div class="wide"><table><tr><th>thread</th><th>average</th><th>busiest second</th></tr>${threads.join('')}</table></div>
<p class="soft">Above ${percent(report.generator.voidAbove)} a run is void.</p>
<h2>Everything</h2><pre>${escape(table)}</pre>
<h2>Command</h2><pre>${escape(report.command)}</pre>
</body></html>
`;
}

function loadTiles(report: LoadReport): Tile[] {
  const { connections, deliveries, publishes } = report;
  const latency = deliveries.latency.count > 0 ? deliveries.latency : publishes.ack;
  return [
    ['connections', count(connections.wanted - connections.neverOpen)],
    ...(deliveries.expected > 0
      ? ([
          ['deliveries per second', count(deliveries.perSecond)],
          ['lost of expected', percent(deliveries.lossShare)],
        ] as Tile[])
      : ([['acknowledged per second', count(publishes.acknowledgedPerSecond)]] as Tile[])),
    ...latencyTiles(latency),
  ];
}

function httpTiles({ requests, latency }: HttpReport): Tile[] {
  return [['requests per second', count(requests.perSecond)], ...latencyTiles(latency)];
}

function latencyTiles({ mean, p50, p99 }: Distribution): Tile[] {
  return [
    ['latency, mean', ms(mean)],
    ['latency, p50', ms(p50)],
    ['latency, p99', ms(p99)],
  ];
}

interface Moment {
  readonly second: number;
}

function loadCharts(report: LoadReport): string[] {
  const { series, plan, deliveries } = report;
  const isRoundTrips = deliveries.expected === 0;
  const at = new Map(series.map((second) => [second.second, second]));
  const marks: Mark[] = [
    ...stormTimes(plan).map((time) => ({ x: time / 1_000, label: 'storm' })),
    ...(plan.slowReaders === null ? [] : [{ x: plan.slowReaders.atMs / 1_000, label: 'slow readers' }]),
  ].filter(({ x }) => x <= series.length - 1);
  const shared = { xTicks: secondTicks(series), marks };
  return [
    lineChart({
      ...shared,
      title: isRoundTrips ? 'Acknowledged publishes per second' : 'Deliveries per second',
      y: { isLog: false, label: count },
      lines: isRoundTrips
        ? [{ name: 'acknowledged', style: 'a', points: series.map((one) => [one.second, one.acknowledged]) }]
        : [
            { name: 'all', style: 'a', points: series.map((one) => [one.second, one.deliveries]) },
            ...(deliveries.replayed > 0
              ? [{ name: 'replayed', style: 'b', points: series.map((one) => [one.second, one.replayed] as const) }]
              : []),
          ],
      describe: (x) => {
        const second = at.get(x);
        return `${x} s: ${count(second?.deliveries ?? 0)} deliveries, ${count(second?.published ?? 0)} publishes, ${count(second?.open ?? 0)} connections open`;
      },
    }),
    lineChart({
      ...shared,
      title: isRoundTrips ? 'Publish to Ack, milliseconds' : 'Latency of live deliveries, milliseconds',
      y: { isLog: true, label: String },
      lines: (['p50', 'p99', 'max'] as const).map((name, index) => ({
        name,
        style: 'abc'[index] ?? 'a',
        points: series.filter((one) => one.max > 0).map((one) => [one.second, one[name]]),
      })),
      describe: (x) => {
        const second = at.get(x);
        return `${x} s: p50 ${ms(second?.p50 ?? 0)}, p99 ${ms(second?.p99 ?? 0)}, max ${ms(second?.max ?? 0)}`;
      },
    }),
    percentileChart(deliveries.curve),
  ];
}

function httpCharts({ series, curve }: HttpReport): string[] {
  const at = new Map(series.map((one) => [one.second, one.requests]));
  return [
    lineChart({
      title: 'Requests per second',
      xTicks: secondTicks(series),
      y: { isLog: false, label: count },
      lines: [{ name: 'requests', style: 'a', points: series.map((one) => [one.second, one.requests]) }],
      describe: (x) => `${x} s: ${count(at.get(x) ?? 0)} requests`,
    }),
    percentileChart(curve),
  ];
}

/** The tail to scale: every step to the right is a tenth of what is left. */
function percentileChart(curve: readonly PercentilePoint[]): string {
  const place = (percentile: number): number => -Math.log10(1 - percentile / 100);
  const shown = [0, 50, 90, 99, 99.9, 99.99, 99.999].filter((tick) =>
    curve.some(({ percentile }) => percentile === tick),
  );
  const chart: Chart = {
    title: 'Latency by percentile, milliseconds',
    xTicks: shown.map((tick) => [place(tick), tick === 0 ? 'min' : `${tick} %`]),
    y: { isLog: true, label: String },
    lines: [
      { name: 'whole run', style: 'a', points: curve.map(({ percentile, ms: value }) => [place(percentile), value]) },
    ],
    describe: (x) => {
      const point = curve.find(({ percentile }) => place(percentile) === x);
      return point === undefined ? '' : `${point.percentile} %: ${ms(point.ms)}`;
    },
  };
  return lineChart(chart);
}

function secondTicks(series: readonly Moment[]): (readonly [number, string])[] {
  const last = series.at(-1)?.second ?? 0;
  const step = [1, 2, 5, 10, 30, 60, 300, 600, 3_600].find((size) => last / size <= 10) ?? 36_000;
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, at) => [at * step, `${at * step} s`] as const);
}
