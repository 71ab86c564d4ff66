/** What doctor examines, without what the test does not give. */
import { loadApps } from '../../src/apps/load.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Check } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { Patient } from '../../src/doctor/patient.ts';
import { viewsByHttp } from '../../src/doctor/views-by-http.ts';
import type { App } from '../../src/index.ts';
import { systemClock, systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from './admin.ts';
import { SETTINGS } from './server.ts';

interface Given {
  /** `section.key` → text, as on the command line; without, there is no configuration. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly apps?: readonly App[];
  /** The administration of a node. */
  readonly url?: string;
  readonly manifests?: string;
}

export async function patient({ settings, apps: given = [], url, manifests }: Given): Promise<Patient> {
  const nothing: Patient = {
    clock: systemClock,
    configuration: null,
    views: url === undefined ? null : viewsByHttp(new URL(url), ADMIN_TOKEN),
    urls: [],
    tokens: [],
    page: null,
    manifests: manifests ?? null,
    idleMs: 0,
  };
  if (settings === undefined) return nothing;
  const flags = new Map(Object.entries({ ...SETTINGS, ...settings }));
  const { config, apps } = await loadApps(loadConfig({ files: [], environment: {}, flags }), {}, given);
  return { ...nothing, configuration: { config, apps, problems: [] } };
}

/** What one check says. */
export async function findingsOf(check: Check, given: Given): Promise<readonly Finding[]> {
  return (await examine([check], await patient(given), systemScheduler)).findings;
}
