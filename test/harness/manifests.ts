/** Kubernetes manifests: rendered as kubectl renders them, and checked against the schemas of the API. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { runTool, tryTool } from './tools.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Older ones know neither components as they are used here nor `labels`. */
const OLDEST_KUSTOMIZE = 5;

/** Why this kubectl cannot be used; `undefined` when it can. Old ones do not even say which kustomize is in them. */
export function kubectlProblem(): string | undefined {
  const { text } = tryTool('kubectl', ['version', '--client']);
  const version = Number(/Kustomize Version: v(\d+)/.exec(text)?.[1] ?? 0);
  return version >= OLDEST_KUSTOMIZE
    ? undefined
    : `is too old: expected kustomize ${OLDEST_KUSTOMIZE} in it, got ${version}`;
}

/** What `kubectl apply -k` would send. */
export function render(overlay: string): Manifest[] {
  return parseManifests(runTool('kubectl', ['kustomize', join(ROOT, 'k8s', overlay)]));
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? []);
}

export function find(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  if (found.length !== 1) throw new Error(`expected one ${kind}, got ${found.length}`);
  return found[0] as Manifest;
}

interface Model {
  validate(): void;
}

/** What the API server would refuse: wrong types, values, formats, missing fields. */
export async function schemaProblems(manifest: Manifest): Promise<string[]> {
  const module = (await import(moduleOf(manifest))) as Record<string, new (data: unknown) => Model>;
  const model = module[manifest.kind];
  if (model === undefined) return [`${manifest.apiVersion} has no ${manifest.kind}`];
  try {
    new model(manifest).validate();
    return [];
  } catch (error) {
    return [`${manifest.kind}/${manifest.metadata.name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/**
 * Fields that the API does not know, which `validate` lets pass: each manifest becomes a literal of its type, and the
 * compiler refuses what is too much in a literal, at any depth.
 */
export async function unknownFields(manifests: readonly Manifest[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-manifests-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    const lines = manifests.map(
      (manifest, at) =>
        `import type { I${manifest.kind} as T${at} } from '${moduleOf(manifest)}';\nexport const m${at}: T${at} = ${JSON.stringify(manifest, null, 1)};`,
    );
    writeFileSync(join(directory, 'manifests.ts'), lines.join('\n'));
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'];
    return await compile(directory, [...options, '--types', '', 'manifests.ts']);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function compile(directory: string, args: readonly string[]): Promise<string[]> {
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  return new Promise((resolve, reject) => {
    execFile(compiler, args, { cwd: directory }, (error, stdout, stderr) => {
      const problems = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('error'));
      if (error !== null && problems.length === 0) reject(error);
      else resolve(problems);
    });
  });
}

function moduleOf({ apiVersion, kind }: Manifest): string {
  const [group = ''] = apiVersion.split('/');
  const library = group === 'monitoring.coreos.com' ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models';
  return `${library}/${apiVersion}/${kind}`;
}
