/** The Helm chart: rendered as Helm renders it, and brought to what it has in common with what Kustomize renders. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseManifests, type Manifest } from './manifests.ts';
import { runTool, tryTool } from './tools.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CHART = join(ROOT, 'deploy/helm/signalbox');

/** Arguments that name a file of values in the chart's ci/. */
export function valuesOf(name: string): string[] {
  return ['--values', join(CHART, 'ci', `${name}-values.yaml`)];
}

/** What `helm install signalbox` would send. */
export function renderChart(args: readonly string[], namespace = 'signalbox', release = 'signalbox'): Manifest[] {
  return parseManifests(runTool('helm', ['template', release, CHART, '--namespace', namespace, ...args]));
}

/** What Helm says about values; its exit code is 0 when it takes them. */
export function tryChart(...args: string[]): { readonly code: number | null; readonly text: string } {
  return tryTool('helm', ['template', 'signalbox', CHART, ...args]);
}

/** What `kubectl apply -k` would send of an overlay with one more component. */
export function renderWithComponent(overlay: string, component: string): Manifest[] {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-overlay-'));
  try {
    // Kustomize takes no absolute paths.
    const path = (name: string): string => relative(directory, join(ROOT, 'k8s', name));
    const kustomization = {
      resources: [path(`overlays/${overlay}`)],
      components: [path(`components/${component}`)],
    };
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
    return parseManifests(runTool('kubectl', ['kustomize', directory]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Labels that only one of the two sets; `part-of` is a selector only in Kustomize. */
const LABELS_OF_ONE = /^(?:app\.kubernetes\.io\/(?:instance|managed-by|version|part-of)|helm\.sh\/chart)$/;

/**
 * Manifests by kind and name, without what the two ways do differently on purpose: labels of the release, the hash in the
 * name of a ConfigMap or Secret and the release's name before it (Helm has a checksum in the pods' annotations instead), base64, the namespace, Helm's own test.
 */
export function common(manifests: readonly Manifest[]): Record<string, unknown> {
  const own = manifests.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined);
  const entries = own.map((manifest): [string, unknown] => {
    const bare = withoutNoise(manifest) as Manifest;
    return [`${bare.kind}/${bare.metadata.name}`, bare];
  });
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function withoutNoise(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutNoise(item));
    return key === 'env' ? items.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1)) : items;
  }
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => !LABELS_OF_ONE.test(name) && name !== 'namespace' && !name.startsWith('checksum/'))
        .map(([name, inner]): [string, unknown] => [name, withoutNoise(inner, name)])
        .filter(([name, inner]) => !(name === 'annotations' && Object.keys(inner as object).length === 0)),
    );
  if (typeof value !== 'string') return value;
  return key === 'name' ? value.replace(/-[a-z0-9]{10}$/, '').replace(/^.+-config$/, 'config') : withoutComments(value);
}

function nameOf(value: unknown): string {
  return (value as { name: string }).name;
}

/** Of the configuration file: it may say different things to the readers of the two. */
function withoutComments(text: string): string {
  if (!text.includes('\n')) return text;
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line));
  return lines.join('\n');
}
