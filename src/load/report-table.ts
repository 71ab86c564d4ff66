/** The table at the end of a run, for people who look at a terminal. */
import type { Distribution } from './latency.ts';
import { count } from './plan-text.ts';
import { VOID_ABOVE, type LoadReport, type ReportHead } from './report.ts';
import type { Tallies } from './thread-messages.ts';

/** Below, nobody needs to be told that the generator was late. */
const LATE_MS = 5;

type Row = readonly [name: string, text: string];

export function reportTable(report: LoadReport): string {
  const { connections, publishes, deliveries, slowReaders } = report;
  const rows: Row[] = [
    ['connections', connectionText(report)],
    ['  connect', latencyText(connections.connect)],
    ...tallyRows('  refused', connections.refusals),
    ...tallyRows('  closed', connections.closes),
    ['publishes', publishText(report)],
    ['  to ack', latencyText(publishes.ack)],
    ...(publishes.late.count > 0 ? [['  sent late', latencyText(publishes.late)] as Row] : []),
    ...tallyRows('  errors', report.errors),
  ];
  if (deliveries.expected > 0) {
    rows.push(
      ['deliveries', deliveryText(report)],
      ['  latency', latencyText(deliveries.latency)],
      ['  traffic', trafficText(report)],
      [
        '  lost',
        `${count(deliveries.lost)} of ${count(deliveries.expected)} expected (${percent(deliveries.lossShare)})`,
      ],
      ['  gaps', `${count(deliveries.gaps)} that announced ${count(deliveries.announcedMissing)} messages as missing`],
    );
  }
  for (const [at, { dropped, live, timeToLive }] of report.storms.entries())
    rows.push(
      [`storm ${at + 1}`, `${count(dropped)} dropped, ${count(live)} live again`],
      ['  time to live', latencyText(timeToLive)],
    );
  if (slowReaders !== null)
    rows.push(
      ['slow readers', `${count(slowReaders.deliveries)} live deliveries, ${count(slowReaders.replayed)} caught up`],
      ['  latency', latencyText(slowReaders.latency)],
    );
  if (isGeneratorLate(report))
    rows.push(['note', 'the generator itself was late (see sent late): this machine had no time for it']);
  return [...rows.map(line), ...verdictLines(report)].join('\n');
}

/** Whether most of the tail is the generator's own: it waits for a processor although it uses little of one. */
function isGeneratorLate({ publishes, deliveries }: LoadReport): boolean {
  const { p99 } = deliveries.latency.count > 0 ? deliveries.latency : publishes.ack;
  return publishes.late.p99 > LATE_MS && publishes.late.p99 > p99 / 2;
}

/** What both kinds of run end with: the generator, the checks, and what it all means. */
export function verdictLines(report: ReportHead): string[] {
  const threads = report.generator.threads.map(({ name, cpu, busiest }) =>
    busiest - cpu > 0.1 ? `${name} ${percent(cpu)} (busiest second ${percent(busiest)})` : `${name} ${percent(cpu)}`,
  );
  const checks = report.checks.map(({ name, ok, found, says }) =>
    line([ok ? '  ok' : '  FAILED', ok ? name : `${name}: ${count(found)} ${says}`]),
  );
  return [line(['generator CPU', threads.join(', ')]), 'checks', ...checks, '', verdictText(report)];
}

export function verdictText({ verdict, wasInterrupted, measuredSeconds }: ReportHead): string {
  const cut = wasInterrupted ? ` (interrupted after ${measuredSeconds.toFixed(1)} s)` : '';
  if (verdict === 'ok') return `OK: every check held${cut}`;
  if (verdict === 'failed') return `FAILED: see the checks${cut}`;
  return `VOID: the generator used more than ${percent(VOID_ABOVE)} of a processor, so it may have been slower than the server. Use more --threads, fewer connections, a lower rate, or another machine${cut}`;
}

function connectionText({ connections }: LoadReport): string {
  const { wanted, neverOpen } = connections;
  return neverOpen === 0 ? count(wanted) : `${count(wanted - neverOpen)} of ${count(wanted)}`;
}

function publishText({ publishes }: LoadReport): string {
  const { sent, acknowledged, refused, unanswered, skipped, perSecond, acknowledgedPerSecond } = publishes;
  const rest: readonly Row[] = [
    ['refused', count(refused)],
    ['unanswered', count(unanswered)],
    ['not sent because too many were unanswered', count(skipped)],
  ];
  const odd = rest.filter(([, text]) => text !== '0').map(([name, text]) => `, ${text} ${name}`);
  return `${count(perSecond)}/s sent, ${count(acknowledgedPerSecond)}/s acknowledged; in all ${count(sent)} sent, ${count(acknowledged)} acknowledged${odd.join('')}`;
}

function deliveryText({ deliveries }: LoadReport): string {
  const { perSecond, received, replayed, duplicates, reordered } = deliveries;
  return `${count(perSecond)}/s; ${count(received)} received (${count(replayed)} replayed), ${count(duplicates)} duplicates, ${count(reordered)} out of order`;
}

function trafficText({ deliveries }: LoadReport): string {
  return `${(deliveries.bytesPerSecond / 1e6).toFixed(2)} MB/s, ${deliveries.perMessage.toFixed(2)} publications per WebSocket message`;
}

function tallyRows(name: string, tallies: Tallies): Row[] {
  const all = Object.entries(tallies);
  return all.length === 0 ? [] : [[name, all.map(([what, times]) => `${what} × ${count(times)}`).join(', ')]];
}

export function latencyText({ count: values, mean, p50, p90, p99, p999, max }: Distribution): string {
  if (values === 0) return 'nothing measured';
  return `mean ${ms(mean)}, p50 ${ms(p50)}, p90 ${ms(p90)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)}`;
}

/** Three significant digits, in the unit that reads best. */
export function ms(value: number): string {
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${Number(value.toPrecision(3))} ms`;
}

export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(share > 0 && share < 0.01 ? 2 : 3))} %`;
}

export function line([name, text]: Row): string {
  return `${name.padEnd(15)}${text}`;
}
