/** The manifests in k8s/: every overlay renders, is what the API accepts, and fits the server that it runs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';
import { find, kubectlProblem, render, schemaProblems, unknownFields, type Manifest } from './harness/manifests.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';
import { isMissing } from './harness/tools.ts';

const OVERLAYS = ['dev', 'production', 'realtime-communication'];
const DEFAULTS = fileURLToPath(new URL('../config/default.toml', import.meta.url));
/** From the end of the drain to the end of the process. */
const SECONDS_TO_STOP = 10;

const directory = mkdtempSync(join(tmpdir(), 'signalbox-kubernetes-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly startupProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources: { readonly limits: { readonly memory: string }; readonly requests: { readonly memory: string } };
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface StatefulSetSpec {
  readonly serviceName: string;
  readonly replicas?: number;
  readonly selector: { readonly matchLabels: object };
  readonly template: {
    readonly metadata: { readonly labels: object };
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly securityContext: object;
      readonly serviceAccountName: string;
      readonly automountServiceAccountToken: boolean;
      readonly containers: readonly [Container];
      readonly volumes: readonly {
        readonly name: string;
        readonly projected?: {
          readonly sources: readonly {
            readonly secret: { readonly name: string; readonly items: readonly { key: string; path: string }[] };
          }[];
        };
      }[];
    };
  };
}

/** An overlay as rendered, with the parts that the tests look at. */
interface Overlay {
  readonly manifests: readonly Manifest[];
  readonly set: Manifest;
  readonly spec: StatefulSetSpec;
  readonly container: Container;
}

const rendered = new Map<string, Overlay>();

function overlay(name: string): Overlay {
  const known = rendered.get(name);
  if (known !== undefined) return known;
  const manifests = render(`overlays/${name}`);
  const set = find(manifests, 'StatefulSet');
  const spec = set['spec'] as StatefulSetSpec;
  const made = { manifests, set, spec, container: spec.template.spec.containers[0] };
  rendered.set(name, made);
  return made;
}

function toml({ manifests }: Overlay): string {
  const { data } = find(manifests, 'ConfigMap') as unknown as { data: Record<string, string> };
  return data['signalbox.toml'] ?? '';
}

/** The configuration that the pods would have. Redis is a Secret, and only its name is known here. */
function configOf(subject: Overlay): Config {
  const file = join(directory, 'signalbox.toml');
  writeFileSync(file, toml(subject));
  return loadConfig({ files: [DEFAULTS, file], environment: { JWT_SECRET: SECRET }, flags: new Map() }).config;
}

function bytes(quantity: string): number {
  const [, number = '', unit = ''] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  return Number(number) * (unit === 'Gi' ? 1_073_741_824 : 1_048_576);
}

describe.skipIf(isMissing('kubectl') || isMissing('kubectl', kubectlProblem()))('the overlays', () => {
  test('are what the Kubernetes API accepts, without a field that it does not know', async () => {
    const all = OVERLAYS.flatMap((name) => overlay(name).manifests);
    expect((await Promise.all(all.map(schemaProblems))).flat()).toEqual([]);
    expect(await unknownFields(all)).toEqual([]);
  });

  test('and the check would see a wrong type, a wrong value, and an unknown field at any depth', async () => {
    const wrong = (change: (manifest: never) => void): Manifest => {
      const copy = structuredClone(overlay('production').set);
      change(copy as never);
      return copy;
    };
    const text = wrong((set: { spec: { minReadySeconds: unknown } }) => {
      set.spec.minReadySeconds = 'soon';
    });
    const value = wrong((set: { spec: { podManagementPolicy: unknown } }) => {
      set.spec.podManagementPolicy = 'Sometimes';
    });
    expect(await schemaProblems(text)).toEqual([expect.stringContaining('minReadySeconds')]);
    expect(await schemaProblems(value)).toEqual([expect.stringContaining('podManagementPolicy')]);
    const planted = wrong((set: { spec: { template: { spec: { containers: Record<string, unknown>[] } } } }) => {
      Object.assign(set.spec.template.spec.containers[0] ?? {}, { porst: [] });
    });
    const monitor = structuredClone(find(overlay('production').manifests, 'ServiceMonitor'));
    Object.assign((monitor['spec'] as { endpoints: object[] }).endpoints[0] ?? {}, { intervall: '15s' });
    const problems = await unknownFields([planted, monitor]);
    expect(problems.join('\n')).toContain(`'"porst"' does not exist in type 'IContainer'`);
    expect(problems.join('\n')).toContain(`'"intervall"' does not exist in type 'IEndpoint'`);
  });

  test.each(OVERLAYS)('%s: everything that is named is there', (name) => {
    const { manifests, set, spec, container } = overlay(name);
    const services = manifests.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name);
    expect(services).toContain(spec.serviceName);
    expect(services).toContain(set.metadata.name);
    expect(find(manifests, 'ServiceAccount').metadata.name).toBe(spec.template.spec.serviceAccountName);
    const volumes = spec.template.spec.volumes.map((volume) => volume.name);
    expect(container.volumeMounts.map((mount) => mount.name).sort()).toEqual(volumes.sort());
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    for (const manifest of manifests.filter(({ kind }) =>
      ['Service', 'NetworkPolicy', 'PodDisruptionBudget'].includes(kind),
    )) {
      const { selector, podSelector } = manifest['spec'] as Record<string, Record<string, object>>;
      const labels = podSelector?.['matchLabels'] ?? selector?.['matchLabels'] ?? selector;
      // An empty selector would take every pod of the namespace.
      expect([manifest.kind, Object.keys(labels ?? {}).length > 0]).toEqual([manifest.kind, true]);
      expect(spec.template.metadata.labels).toMatchObject(labels ?? {});
    }
  });

  test.each(OVERLAYS)('%s: the configuration is one that the server accepts, and every variable is a key', (name) => {
    const subject = overlay(name);
    expect(() => configOf(subject)).not.toThrow();
    const known = /^(?:SIGNALBOX_CONFIG|(?:JWT_SECRET|ADMIN_TOKEN|REDIS_URL)_FILE)$/;
    for (const { name: variable } of subject.container.env) expect(variable).toMatch(known);
    // Each secret's file is one that is mounted.
    const mounted = subject.spec.template.spec.volumes.flatMap(({ projected }) =>
      (projected?.sources ?? []).flatMap(({ secret }) =>
        secret.items.map(({ path }) => `/run/secrets/signalbox/${path}`),
      ),
    );
    const named = subject.container.env.flatMap(({ name: variable, value }) =>
      variable.endsWith('_FILE') ? [value] : [],
    );
    expect(named.sort()).toEqual(mounted.sort());
  });

  test.each(OVERLAYS)('%s: a pod has the time that its drain takes', (name) => {
    const subject = overlay(name);
    const { command } = subject.container.lifecycle.preStop.exec;
    expect(command[0]).toBe('sleep');
    const needed = Number(command[1]) + configOf(subject).shutdown.grace_secs + SECONDS_TO_STOP;
    expect(subject.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed);
  });

  test.each(OVERLAYS)('%s: the bounds of the configuration fit into the memory of the pod', (name) => {
    const subject = overlay(name);
    const { topics, actor_system: actors, websocket } = configOf(subject);
    // docs/operations.md, "Sizing": at rest, per connection with its share in the kernel, and the bounds.
    const worst = 127_000_000 + websocket.max_connections * 5_800 + topics.total_bytes + actors.mailboxes_total_bytes;
    expect(worst).toBeLessThanOrEqual(bytes(subject.container.resources.limits.memory));
    const idle = 127_000_000 + websocket.max_connections * 5_800;
    expect(idle).toBeLessThanOrEqual(bytes(subject.container.resources.requests.memory));
  });

  test.each(OVERLAYS)('%s: no root, nothing to write to, no token of the API', (name) => {
    const { spec, container } = overlay(name);
    expect(spec.template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(spec.template.spec.automountServiceAccountToken).toBe(false);
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const writable = container.volumeMounts
      .filter(({ readOnly }) => readOnly !== true)
      .map(({ mountPath }) => mountPath);
    expect(writable).toEqual(['/tmp']);
  });

  test('the probes ask what the server answers, and liveness asks for nothing but an answer', async () => {
    const server = await startServer();
    const { livenessProbe, readinessProbe, startupProbe, ports } = overlay('production').container;
    expect(livenessProbe.httpGet.path).toBe('/health/live');
    expect(readinessProbe.httpGet.path).toBe('/health/ready');
    for (const { httpGet } of [livenessProbe, readinessProbe, startupProbe]) {
      expect(ports.map((port) => port.name)).toContain(httpGet.port);
      expect((await server.get(httpGet.path)).status).toBe(200);
    }
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    expect((await server.get(readinessProbe.httpGet.path)).status).toBe(503);
    expect((await server.get(livenessProbe.httpGet.path)).status).toBe(200);
    expect(ports[0]?.containerPort).toBe(configOf(overlay('production')).server.port);
  });

  test('production scales by a metric that prometheus-adapter makes of one that the server has', () => {
    const { manifests, spec } = overlay('production');
    const scaler = find(manifests, 'HorizontalPodAutoscaler')['spec'] as {
      scaleTargetRef: object;
      metrics: { pods?: { metric: { name: string }; target: { averageValue: string } } }[];
    };
    expect(scaler.scaleTargetRef).toMatchObject({ kind: 'StatefulSet', name: 'signalbox' });
    const pods = scaler.metrics.flatMap(({ pods: metric }) => metric ?? []);
    const path = fileURLToPath(new URL('../k8s/prometheus-adapter/values.yaml', import.meta.url));
    const { rules } = parse(readFileSync(path, 'utf8')) as { rules: { custom: { name: { as: string } }[] } };
    expect(pods.map(({ metric }) => metric.name)).toEqual(rules.custom.map(({ name }) => name.as));
    expect(Number(pods[0]?.target.averageValue)).toBeLessThan(
      configOf(overlay('production')).websocket.max_connections,
    );
    // The autoscaler owns the number.
    expect(spec.replicas).toBeUndefined();
  });

  test('production gets its Redis from a Secret; nothing secret is in the manifests', () => {
    for (const name of ['production', 'realtime-communication']) {
      const { manifests, container } = overlay(name);
      expect(container.env.map((variable) => variable.name)).toContain('REDIS_URL_FILE');
      expect(manifests.map(({ kind }) => kind)).not.toContain('Secret');
    }
  });

  test('the names of the runbooks: StatefulSet realtime-communication, Secret jwt-secret with `secret`, pods by hand', () => {
    const { manifests, set, spec } = overlay('realtime-communication');
    expect(set.metadata).toMatchObject({ name: 'realtime-communication', namespace: 'default' });
    expect(spec.replicas).toBe(3);
    expect(manifests.map(({ kind }) => kind)).not.toContain('HorizontalPodAutoscaler');
    const sources = spec.template.spec.volumes.flatMap(({ projected }) => projected?.sources ?? []);
    expect(sources.map(({ secret }) => secret)).toContainEqual({
      name: 'jwt-secret',
      items: [{ key: 'secret', path: 'jwt-secret' }],
    });
  });
});
