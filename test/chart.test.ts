/** The Helm chart: Helm and the API accept what it makes, wrong values are refused with words, and it is what Kustomize makes. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { KEYS_BY_VARIABLE } from '../src/config/keys.ts';
import { CHART, common, renderChart, renderWithComponent, tryChart, valuesOf } from './harness/chart.ts';
import { find, kubectlProblem, render, schemaProblems, unknownFields, type Manifest } from './harness/manifests.ts';
import { isMissing, tryTool } from './harness/tools.ts';

/** Files of values in ci/, and the namespace of the overlay of that name. */
const OVERLAYS = { dev: 'signalbox-dev', production: 'signalbox', 'realtime-communication': 'default' };

function read(path: string): string {
  return readFileSync(join(CHART, path), 'utf8');
}

/** Every path of the values, with a dot between names. */
function keysOf(value: unknown, above = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [above];
  const inner = Object.entries(value).flatMap(([name, part]) => keysOf(part, above === '' ? name : `${above}.${name}`));
  return inner.length === 0 ? [above] : inner;
}

describe('the files of the chart', () => {
  test('are of the version of the server, and its alerts are those that have unit tests', () => {
    const chart = parse(read('Chart.yaml')) as { appVersion: string };
    const { version } = JSON.parse(read('../../../package.json')) as { version: string };
    expect(chart.appVersion).toBe(version);
    expect(read('files/alerts.yml')).toBe(read('../../prometheus/alerts.yml'));
  });

  test('its README has a row for every value', () => {
    const rows = [...read('README.md').matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name);
    const isDescribed = (key: string): boolean => rows.some((row) => key === row || key.startsWith(`${row}.`));
    const keys = keysOf(parse(read('values.yaml')));
    expect(keys.length).toBeGreaterThan(60);
    expect(keys.filter((key) => !isDescribed(key))).toEqual([]);
    expect(rows.filter((row) => !keys.some((key) => key === row || key.startsWith(`${row}.`)))).toEqual([]);
  });

  test('every file of values is one that a test renders', () => {
    const names = globSync('ci/*-values.yaml', { cwd: CHART }).map((path) => path.slice(3, -'-values.yaml'.length));
    expect(names.sort()).toEqual(['admin-port', 'everything', ...Object.keys(OVERLAYS)].sort());
    expect(existsSync(join(CHART, 'values.schema.json'))).toBe(true);
  });
});

describe.skipIf(isMissing('helm'))('Helm', () => {
  const sets = ['admin-port', 'everything', ...Object.keys(OVERLAYS)];

  test('has nothing to say about the chart, with any values of ours', () => {
    for (const words of [[], ...sets.map(valuesOf)]) {
      const { code, text } = tryTool('helm', ['lint', '--strict', ...words, CHART]);
      expect([words, code, text.match(/\[(?:WARNING|ERROR)\].*/g)]).toEqual([words, 0, null]);
    }
  });

  test('makes what the Kubernetes API accepts, without a field that it does not know', async () => {
    // The other values make what Kustomize makes, which has the same test.
    const all = [[], valuesOf('everything')].flatMap((words) => renderChart(words));
    expect(new Set(all.map(({ kind }) => kind))).toEqual(
      new Set([
        'ConfigMap',
        'HorizontalPodAutoscaler',
        'Ingress',
        'NetworkPolicy',
        'Pod',
        'PodDisruptionBudget',
        'PrometheusRule',
        'Secret',
        'Service',
        'ServiceAccount',
        'ServiceMonitor',
        'StatefulSet',
      ]),
    );
    expect((await Promise.all(all.map(schemaProblems))).flat()).toEqual([]);
    expect(await unknownFields(all)).toEqual([]);
  });

  test.each([
    ['replicaCount=three', "at '/replicaCount': got string, want integer"],
    ['replicacount=3', "additional properties 'replicacount' not allowed"],
    ['metrics.serviceMonitor.intervall=1m', "additional properties 'intervall' not allowed"],
    ['image.pullPolicy=Sometimes', "at '/image/pullPolicy'"],
    ['ingress.paths={/admin}', "at '/ingress/paths/0'"],
    ['terminationGracePeriodSeconds=20', 'expected 40 or more'],
    ['secrets.redisUrl.enabled=false', 'pods would not hear one another'],
    ['admin.port=8081', 'the port of clients'],
    ['secrets.create=true', 'secrets.jwtSecret.value is empty'],
  ])('refuses %s, and says why', (assignment, words) => {
    const { code, text } = tryChart('--set', assignment);
    expect([code, text]).toEqual([1, expect.stringContaining(words)]);
  });

  test('its HTTPRoute is that of the page, and refuses to route what is for operators', () => {
    const page = readFileSync(join(CHART, '../../../docs/kubernetes.md'), 'utf8');
    const example = parse(/^```yaml\n([^`]+)^```/m.exec(page)?.[1] ?? '') as Manifest;
    const made = renderChart(['--set', 'httpRoute.enabled=true']).filter(({ kind }) => kind === 'HTTPRoute');
    expect(made.map((route) => [route.apiVersion, route.metadata.name, route['spec']])).toEqual([
      [example.apiVersion, example.metadata.name, example['spec']],
    ]);
    expect(tryChart('--set', 'httpRoute.paths={/metrics}').text).toContain("at '/httpRoute/paths/0'");
  });

  test('every variable that it sets is a key of the configuration', () => {
    const { template } = find(renderChart(valuesOf('everything')), 'StatefulSet')['spec'] as {
      template: { spec: { containers: { env: { name: string }[] }[] } };
    };
    const names = template.spec.containers.flatMap(({ env }) => env.map(({ name }) => name));
    expect(names).toEqual(expect.arrayContaining(['DATABASE_URL_FILE', 'SIGNALBOX_ADMIN_PORT']));
    const isKnown = (name: string): boolean => KEYS_BY_VARIABLE.has(name.replace(/_FILE$/, ''));
    expect(names.filter((name) => name !== 'SIGNALBOX_CONFIG' && !isKnown(name))).toEqual([]);
  });

  test('a release of any name has objects of that name, whose selectors are its own', () => {
    const one = common(renderChart(['--set', 'fullnameOverride=one']));
    expect(Object.keys(one)).toContain('StatefulSet/one');
    const long = 'a-release-with-a-name-that-is-as-long-as-helm-allows53';
    const manifests = renderChart([], 'signalbox', long.slice(0, 53));
    // A label of the pods is the name of their StatefulSet with a hash, and has 63 characters at most.
    for (const { metadata } of manifests) expect(metadata.name.length).toBeLessThanOrEqual(52 + '-config'.length);
    const { matchLabels } = (find(manifests, 'StatefulSet')['spec'] as { selector: { matchLabels: object } }).selector;
    expect(matchLabels).toEqual({
      'app.kubernetes.io/name': 'signalbox',
      'app.kubernetes.io/instance': long.slice(0, 53),
    });
  });

  test('a change of the configuration, and one of secrets that it made, rolls the pods', () => {
    const annotations = (...words: string[]): unknown => {
      const { template } = find(renderChart([...valuesOf('dev'), ...words]), 'StatefulSet')['spec'] as {
        template: Manifest;
      };
      return template.metadata.annotations;
    };
    const before = annotations();
    expect(annotations()).toEqual(before);
    expect(annotations('--set', 'config=profile = "development"')).not.toEqual(before);
    expect(annotations('--set', 'secrets.jwtSecret.value=another-secret-of-at-least-32-bytes')).not.toEqual(before);
  });

  test('alerts of a release lead to where its operators have published the pages', () => {
    const { groups } = find(renderChart(valuesOf('everything')), 'PrometheusRule')['spec'] as {
      groups: { rules: { annotations: { runbook_url: string } }[] }[];
    };
    for (const { annotations } of groups.flatMap(({ rules }) => rules))
      expect(annotations.runbook_url).toMatch(/^https:\/\/docs\.example\.com\/signalbox\/docs\/alerts\.md#signalbox/);
  });
});

describe.skipIf(isMissing('helm') || isMissing('kubectl') || isMissing('kubectl', kubectlProblem()))(
  'Helm and Kustomize make the same',
  () => {
    test.each(Object.entries(OVERLAYS))('of the overlay %s', (name, namespace) => {
      expect(common(renderChart(valuesOf(name), namespace))).toEqual(common(render(`overlays/${name}`)));
    });

    test('of production with a port for operators', () => {
      expect(common(renderChart(valuesOf('admin-port')))).toEqual(
        common(renderWithComponent('production', 'admin-port')),
      );
    });

    test('and the comparison would see a probe, a variable or a port that only one has', () => {
      const ours = common(render('overlays/production'));
      for (const words of ['minReadySeconds=16', 'service.port=8082', 'preStopSeconds=6']) {
        const other = common(renderChart([...valuesOf('production'), '--set', words]));
        expect(other, words).not.toEqual(ours);
      }
    });
  },
);
