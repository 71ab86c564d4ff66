/** Alerts, dashboard and scaling rule: promtool accepts and tests them, and every metric in them is one that a node has. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parser } from '@prometheus-io/lezer-promql';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../src/config/load.ts';
import { METRICS } from '../src/telemetry/metrics.ts';
import { assistant } from '../src/apps/assistant/app.ts';
import { conversations } from '../src/apps/conversations/app.ts';
import { connect } from './harness/client.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';
import { isMissing, runTool, tryTool } from './harness/tools.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ALERTS = join(ROOT, 'deploy/prometheus/alerts.yml');
const DASHBOARD = join(ROOT, 'deploy/grafana/dashboards/signalbox.json');

const directory = mkdtempSync(join(tmpdir(), 'signalbox-monitoring-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

/** What Grafana would put in. */
const VARIABLES: Readonly<Record<string, string>> = {
  $__rate_interval: '1m',
  $__interval: '1m',
  $__range: '1h',
  $instance: '.*',
};

const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard;
const charts = dashboard.panels.filter(({ type }) => type !== 'row');

function withoutVariables(expr: string): string {
  let text = expr;
  for (const [name, value] of Object.entries(VARIABLES)) text = text.replaceAll(name, value);
  return text;
}

/** What prometheus-adapter would ask for a pod. */
function asAsked(query: string, series: string): string {
  const parts = { Series: series, LabelMatchers: 'namespace="signalbox",pod="signalbox-0"', GroupBy: 'pod' };
  return query.replaceAll(/<<\.(Series|LabelMatchers|GroupBy)>>/g, (_, name: keyof typeof parts) => parts[name]);
}

/** The names of the series that an expression asks for; throws where it is not PromQL. */
function metricsIn(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expr}`);
      if (type.name === 'Identifier' && node.parent?.type.name === 'VectorSelector') names.push(expr.slice(from, to));
    },
  });
  return names;
}

/** Labels that an expression matches or groups by. */
function labelsIn(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      if (type.name === 'LabelName') names.push(expr.slice(from, to));
    },
  });
  return names;
}

/** Names of the series that a node declares, by its `/metrics`: a counter with labels shows none before it counts. */
function seriesIn(text: string): Set<string> {
  const parts: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_sum', '_count'] };
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(declared.flatMap(([, name = '', type = '']) => (parts[type] ?? ['']).map((part) => `${name}${part}`)));
}

/** Labels that the table knows, and those that come from scraping and from the libraries. */
const labels = new Set([
  ...METRICS.flatMap((metric) => metric.labels),
  'job',
  'instance',
  'le',
  'kind',
  'namespace',
  'pod',
  // Of answers of the assistant.
  'status',
]);

describe('the metrics that are asked for exist', () => {
  test('L-25: on a node: every name, and every label, in alerts, dashboard and scaling rule', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe('chat.lobby');
    await client.publish('chat.lobby', 'hello');
    const withAssistant = await startServer({}, [conversations(), assistant()]);
    const live = seriesIn(
      (await Promise.all([server, withAssistant].map(async (it) => (await it.get('/metrics')).text()))).join('\n'),
    );
    // Scraping itself makes this one.
    live.add('up');

    const { rules: adapter } = parse(readFileSync(join(ROOT, 'k8s/prometheus-adapter/values.yaml'), 'utf8')) as {
      rules: { custom: { seriesQuery: string; metricsQuery: string; name: { as: string } }[] };
    };
    const expressions = [
      ...rules.map(({ expr }) => expr),
      ...charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => withoutVariables(expr))),
      ...dashboard.annotations.list.map(({ expr }) => withoutVariables(expr)),
      ...dashboard.templating.list.flatMap(
        ({ definition }) => /label_values\((.+), \w+\)/.exec(definition ?? '')?.[1] ?? [],
      ),
      ...adapter.custom.flatMap(({ seriesQuery, metricsQuery, name }) => [seriesQuery, asAsked(metricsQuery, name.as)]),
    ];
    expect(expressions.length).toBeGreaterThan(60);
    const asked = expressions.flatMap(metricsIn);
    expect(asked.length).toBeGreaterThanOrEqual(expressions.length);
    expect([...new Set(asked)].filter((name) => !live.has(name))).toEqual([]);
    expect([...new Set(expressions.flatMap(labelsIn))].filter((label) => !labels.has(label))).toEqual([]);
  });

  test('and the check would see one that does not, and what is no PromQL', () => {
    expect(metricsIn('sum by (code) (rate(signalbox_conections{job="x"}[5m]))')).toEqual(['signalbox_conections']);
    expect(labelsIn('sum by (cod) (up{jb="x"})')).toEqual(['cod', 'jb']);
    expect(() => metricsIn('sum(rate(up[5m])')).toThrow('not PromQL');
  });
});

describe('alerts', () => {
  test('each has a name of its own, a severity, and words for the operator that it wakes', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels: set, annotations } of rules) {
      expect(alert).toMatch(/^Signalbox[A-Z]/);
      expect(set.severity).toMatch(/^(?:critical|warning)$/);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description).toMatch(/\.$/);
    }
  });

  test('each leads to its own section of the page of alerts, which has no other', () => {
    const page = readFileSync(join(ROOT, 'docs/alerts.md'), 'utf8');
    const sections = [...page.matchAll(/^### (\w+)\n\n(.+)/gm)];
    expect(sections.map(([, heading]) => heading)).toEqual(rules.map(({ alert }) => alert));
    for (const [, heading = '', words = ''] of sections) expect([heading, words.length > 60]).toEqual([heading, true]);
    for (const { alert, annotations } of rules)
      expect(annotations.runbook_url).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
  });

  test('those for the Prometheus operator are the same', () => {
    const file = join(ROOT, 'k8s/components/monitoring/prometheus-rule.yaml');
    const { spec } = parse(readFileSync(file, 'utf8')) as { spec: { groups: unknown } };
    expect(spec.groups).toEqual(groups);
  });

  test('the bounds in them are those of the configuration', () => {
    const environment = { JWT_SECRET: SECRET };
    const { config } = loadConfig({ files: [join(ROOT, 'config/default.toml')], environment, flags: new Map() });
    const rule = (name: string): string => rules.find(({ alert }) => alert === name)?.expr ?? '';
    expect(rule('SignalboxNearlyFull')).toContain(`> ${0.85 * config.websocket.max_connections}`);
    expect(rule('SignalboxMailboxesFilling')).toContain(`* ${config.actor_system.mailboxes_total_bytes}`);
  });

  test('each has a unit test', () => {
    const tests = readFileSync(join(ROOT, 'deploy/prometheus/alerts.test.yml'), 'utf8');
    expect(rules.map(({ alert }) => alert).filter((name) => !tests.includes(`- name: ${name}\n`))).toEqual([]);
  });
});

describe('the dashboard', () => {
  test('has panels with ids of their own, side by side and not on top of each other', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x}/${y}`)).toBe(false);
          taken.add(`${x}/${y}`);
        }
    }
    for (const { title, targets = [] } of charts) expect([title, targets.length > 0]).toEqual([title, true]);
  });
});

describe.skipIf(isMissing('promtool'))('promtool', () => {
  test('accepts the rules and the scrape configuration', () => {
    expect(runTool('promtool', ['check', 'rules', ALERTS])).toContain(`${rules.length} rules found`);
    runTool('promtool', ['check', 'config', join(ROOT, 'deploy/prometheus/prometheus.yml')]);
  });

  test('the unit tests of the alerts pass, and one whose threshold was moved does not', () => {
    const tests = 'deploy/prometheus/alerts.test.yml';
    runTool('promtool', ['test', 'rules', join(ROOT, tests)]);
    const moved = readFileSync(ALERTS, 'utf8').replace('> 8500', '> 9500');
    writeFileSync(join(directory, 'alerts.yml'), moved);
    writeFileSync(join(directory, 'alerts.test.yml'), readFileSync(join(ROOT, tests)));
    const { code, text } = tryTool('promtool', ['test', 'rules', join(directory, 'alerts.test.yml')]);
    expect(code).toBe(1);
    expect(text).toContain('SignalboxNearlyFull');
  });

  test('accepts every expression of the dashboard', () => {
    const expressions = charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => withoutVariables(expr)));
    const file = join(directory, 'dashboard.yml');
    const records = expressions.map((expr, at) => ({ record: `panel:${at}`, expr }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: records }] }));
    expect(runTool('promtool', ['check', 'rules', file])).toContain(`${expressions.length} rules found`);
  });

  test('accepts the metrics of a node', async () => {
    const server = await startServer();
    const metrics = await (await server.get('/metrics')).text();
    const { code, text } = tryTool('promtool', ['check', 'metrics'], metrics);
    // Findings about names that the libraries chose (nodejs_*, process_*) are not ours to mend.
    const ours = text.split('\n').filter((line) => line.startsWith('signalbox_'));
    expect([ours, code === 0 || code === 3]).toEqual([[], true]);
  });
});
