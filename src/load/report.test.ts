import { describe, expect, test } from 'vitest';
import { lineChart } from './charts.ts';
import type { HttpReport } from './http-report.ts';
import { reportHtml } from './report-html.ts';
import { ms, percent, reportTable } from './report-table.ts';
import { deliveryChecks, exitCodeOf, reportHead } from './report.ts';
import { NOTHING, reportOf, SOME } from './test-rig.ts';

const CONTEXT = { version: '1', startedAt: new Date(0), command: 'signalbox load' };

describe('the verdict', () => {
  const held = { name: 'a', ok: true, found: 0, says: '' };
  const broken = { name: 'b', ok: false, found: 3, says: '' };
  const calm = { name: 'thread 1', cpu: 0.9, busiest: 1 };
  const busy = { name: 'thread 2', cpu: 0.901, busiest: 0.95 };

  test.each([
    { checks: [held], threads: [calm], verdict: 'ok', code: 0 },
    { checks: [held, broken], threads: [calm], verdict: 'failed', code: 1 },
    { checks: [held], threads: [calm, busy], verdict: 'void', code: 3 },
    // A lost message is lost, however busy the generator was.
    { checks: [broken], threads: [busy], verdict: 'failed', code: 1 },
  ] as const)('$verdict is exit code $code', ({ checks, threads, verdict, code }) => {
    const head = reportHead(CONTEXT, checks, threads);
    expect([head.verdict, exitCodeOf(head)]).toEqual([verdict, code]);
  });

  test.each([
    { what: 'lost', deliveries: { lost: 1 }, name: 'nothing lost silently' },
    { what: 'duplicates', deliveries: { duplicates: 2 }, name: 'no duplicates' },
    { what: 'reordered', deliveries: { reordered: 3 }, name: 'in order' },
    { what: 'neverOpen', connections: { neverOpen: 4 }, name: 'connected' },
    { what: 'unanswered', publishes: { unanswered: 5 }, name: 'every publish answered' },
  ])('$what above 0 fails the check "$name" and no other', ({ name, deliveries, connections, publishes }) => {
    const report = reportOf();
    const checks = deliveryChecks({
      ...report,
      deliveries: { ...report.deliveries, ...deliveries },
      connections: { ...report.connections, ...connections },
      publishes: { ...report.publishes, ...publishes },
    });
    expect(checks.filter(({ ok }) => !ok).map((check) => check.name)).toEqual([name]);
  });

  test('announced gaps and refused publishes are no broken promise', () => {
    const report = reportOf();
    const checks = deliveryChecks({
      ...report,
      deliveries: { ...report.deliveries, gaps: 5, announcedMissing: 100 },
      publishes: { ...report.publishes, refused: 10 },
    });
    expect(checks.every(({ ok }) => ok)).toBe(true);
  });

  test('who did not come back from a storm fails it', () => {
    const storms = [{ dropped: 10, live: 9, timeToLive: SOME }];
    expect(deliveryChecks(reportOf({ storms })).at(-1)).toMatchObject({ name: 'everybody came back', found: 1 });
  });
});

describe('the table', () => {
  test('has loss against what was expected, latencies, the generator, and the verdict', () => {
    const table = reportTable(reportOf());
    expect(table).toMatch(/^ {2}lost +0 of 3,000 expected \(0 %\)$/m);
    expect(table).toMatch(/^ {2}latency +mean 1\.5 ms, p50 1\.25 ms, p90 2 ms, p99 4 ms, p99\.9 8 ms, max 12\.3 s$/m);
    expect(table).toMatch(/^generator CPU +thread 1 25 % \(busiest second 50 %\)$/m);
    expect(table).toMatch(/\nOK: every check held$/);
  });

  test('says what went wrong, with numbers', () => {
    const report = reportOf({
      verdict: 'failed',
      wasInterrupted: true,
      checks: [{ name: 'no duplicates', ok: false, found: 1_234, says: 'messages that came twice' }],
      errors: { rate_limited: 17 },
    });
    const refused = { ...report.connections, refusals: { over_capacity: 3, ECONNREFUSED: 1 }, closes: { '4109': 2 } };
    const table = reportTable({ ...report, connections: refused });
    expect(table).toContain('  FAILED       no duplicates: 1,234 messages that came twice');
    expect(table).toContain('over_capacity × 3, ECONNREFUSED × 1');
    expect(table).toContain('4109 × 2');
    expect(table).toContain('rate_limited × 17');
    expect(table).toMatch(/\nFAILED: see the checks \(interrupted after 3\.0 s\)$/);
  });

  test('says when the tail is the generator itself, which waited for a processor', () => {
    const report = reportOf();
    const late = (p99: number): string =>
      reportTable({ ...report, publishes: { ...report.publishes, late: { ...SOME, p99 } } });
    expect(late(7)).toMatch(/^note +the generator itself was late/m);
    // Its own latency has a p99 of 4 ms; so little is not worth a word.
    expect(late(3)).not.toMatch(/^note/m);
  });

  test('round trips without subscribers have no rows about deliveries', () => {
    const report = reportOf();
    const table = reportTable({ ...report, deliveries: { ...report.deliveries, expected: 0, latency: NOTHING } });
    expect(table).not.toMatch(/^deliveries/m);
    expect(table).not.toMatch(/^ {2}lost/m);
  });

  test('numbers are rounded to what can be read', () => {
    expect([ms(0.123456), ms(1.999), ms(1_234), ms(65_432)]).toEqual(['0.123 ms', '2 ms', '1230 ms', '65.4 s']);
    expect([percent(0), percent(0.000123), percent(0.12345), percent(1)]).toEqual([
      '0 %',
      '0.012 %',
      '12.3 %',
      '100 %',
    ]);
  });
});

const HTTP: HttpReport = {
  ...reportHead(CONTEXT, [], [{ name: 'thread 1', cpu: 0.1, busiest: 0.1 }]),
  kind: 'http',
  url: 'http://localhost:8081/health',
  wasInterrupted: false,
  measuredSeconds: 2,
  plan: {
    url: 'http://localhost:8081/health',
    method: 'GET',
    body: null,
    connections: 1,
    rate: null,
    durationMs: 2_000,
    threads: 1,
  },
  requests: { total: 10, perSecond: 5, bytesPerSecond: 1_000, errors: 0, timeouts: 0, statuses: { '200': 10 } },
  latency: SOME,
  curve: [{ percentile: 50, ms: 1 }],
  series: [
    { second: 0, requests: 4 },
    { second: 1, requests: 6 },
  ],
};

describe.each([
  { name: 'of a run', report: reportOf(), charts: 3 },
  { name: 'of an HTTP run', report: HTTP, charts: 2 },
])('the page $name', ({ report, charts }) => {
  test('needs nothing else: no scripts, nothing loaded, both colour schemes', () => {
    const html = reportHtml(report);
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|src=|href=/);
    expect(html).toContain('prefers-color-scheme: dark');
  });

  test('has its charts as SVG with points that can be drawn', () => {
    const html = reportHtml(report);
    expect(html.match(/<svg /g)).toHaveLength(charts);
    expect(html).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  test('every tag that opens closes', () => {
    const html = reportHtml(report);
    for (const tag of ['figure', 'svg', 'table', 'div', 'p', 'span', 'text', 'pre', 'title'])
      expect([tag, html.match(new RegExp(`<${tag}[ >]`, 'g'))?.length]).toEqual([
        tag,
        html.match(new RegExp(`</${tag}>`, 'g'))?.length,
      ]);
  });
});

describe('charts', () => {
  test('what came from outside is text in the page, not markup', () => {
    const html = reportHtml(reportOf({ url: 'ws://x/<script>alert(1)</script>', command: '"><img src=x>' }));
    expect(html).not.toMatch(/<script|<img/);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('a line goes from the left to the right edge, higher values higher up', () => {
    const svg = lineChart({
      title: 'a chart',
      xTicks: [],
      y: { isLog: false, label: String },
      lines: [
        {
          name: 'values',
          style: 'a',
          points: [
            [0, 0],
            [5, 50],
            [10, 100],
          ],
        },
      ],
      describe: (x) => `at ${x}`,
    });
    const points = (/points="([^"]+)"/.exec(svg)?.[1] ?? '').split(' ').map((pair) => pair.split(',').map(Number));
    expect(points.map(([x]) => x)).toEqual([64, 406, 748]);
    expect(points.map(([, y]) => y)).toEqual([214, 114, 14]);
    expect(svg).toContain('<title>at 5</title>');
  });

  test('a long run is drawn with its worst seconds, not with thousands of points', () => {
    const points = Array.from({ length: 36_000 }, (_, at) => [at, at === 20_001 ? 999 : 1] as const);
    const svg = lineChart({
      title: 'long',
      xTicks: [],
      y: { isLog: true, label: String },
      lines: [{ name: 'max', style: 'a', points }],
      describe: String,
    });
    const drawn = (/points="([^"]+)"/.exec(svg)?.[1] ?? '').split(' ');
    expect(drawn.length).toBeLessThanOrEqual(380);
    expect(new Set(drawn.map((pair) => pair.split(',')[1])).size).toBe(2);
  });

  test('nothing measured is said', () => {
    const report = reportOf({ series: [] });
    expect(reportHtml(report).match(/nothing measured/g)).toHaveLength(2);
  });
});
