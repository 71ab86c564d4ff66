/** Kubernetes manifests, as they are delivered and with each value spoiled. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { MANIFEST_CHECKS } from '../../src/doctor/checks/manifests/all.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { replicasIn } from '../../src/doctor/manifest-values.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { patient } from '../harness/patient.ts';
import { named } from '../harness/symptoms.ts';

const BASE = fileURLToPath(new URL('../../k8s/base', import.meta.url));
/** As k8s/base/signalbox.toml says it. */
const SETTINGS = { 'topics.total_bytes': '268435456', 'shutdown.grace_secs': '25' };

function spoiled(changes: readonly (readonly [from: string, to: string])[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-manifests-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(BASE, folder, { recursive: true });
  const file = join(folder, 'stateful-set.yaml');
  const text = readFileSync(file, 'utf8');
  for (const [from] of changes) expect(text).toContain(from);
  writeFileSync(
    file,
    changes.reduce((sum, [from, to]) => sum.replace(from, to), text),
  );
  return folder;
}

async function examined(changes: readonly (readonly [from: string, to: string])[]): Promise<readonly Finding[]> {
  const given = await patient({ settings: SETTINGS, manifests: spoiled(changes) });
  return (await examine(MANIFEST_CHECKS, given, systemScheduler)).findings;
}

test('as they are delivered, they are good', async () => {
  expect(await examined([])).toMatchObject([
    { check: 'manifests.grace', level: 'ok' },
    { check: 'manifests.memory', level: 'ok' },
    { check: 'manifests.probes', level: 'ok', says: '3 probes ask the right paths' },
    {
      check: 'manifests.open-files',
      level: 'ok',
      says: expect.stringContaining('65536 open files, 10200 are') as string,
    },
  ]);
});

test.each([
  [
    'terminationGracePeriodSeconds: 45',
    'terminationGracePeriodSeconds: 30',
    /30 s for the end of a pod, 35 are needed/,
  ],
  ['hard: 65536', 'hard: 4096', /4096 open files, 10200 are needed for 10000 connections/],
  ['path: /health/live', 'path: /health/ready', /livenessProbe asks \/health\/ready, expected \/health\/live/],
  ['path: /health/ready', 'path: /health', /readinessProbe asks \/health, expected \/health\/ready/],
])('%s as %s', async (from, to, says) => {
  const findings = await examined([[from, to]]);
  expect(findings.filter(({ level }) => level === 'fail')).toMatchObject([
    { says: expect.stringMatching(says) as string },
  ]);
});

test('nothing that says how many files a pod may open, and how many nodes they ask for', async () => {
  const folder = spoiled([
    ['type: RLIMIT_NOFILE', 'type: RLIMIT_CORE'],
    ['            hard: 65536', ''],
    ['replicas: 1', 'replicas: 3'],
  ]);
  const { findings } = await examine(
    MANIFEST_CHECKS,
    await patient({ settings: SETTINGS, manifests: folder }),
    systemScheduler,
  );
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'manifests.open-files',
      level: 'warn',
      says: expect.stringMatching(/the runtime decides/) as string,
    }),
  );
  expect(replicasIn(folder)).toBe(3);
});

test('L-31: pods that are ended for memory: the limit is lower than what the configuration allows', async () => {
  const DIR = spoiled([['memory: 1Gi', 'memory: 512Mi']]);
  const { line } = await named('container-memory', { values: { DIR }, settings: SETTINGS });
  expect(line).toMatch(/a memory limit of 512Mi, \d+ MiB are needed/);
});
