/** Examines as `signalbox doctor` does, in the process of the test. */
import { buildAuthentication } from '../../src/cli/authentication.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Check } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { Patient } from '../../src/doctor/patient.ts';
import { tokenCheckByHttp, viewsByHttp } from '../../src/doctor/views-by-http.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock, systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from './admin.ts';
import { SECRET } from './tokens.ts';

export interface Examined extends Partial<Pick<Patient, 'tokens' | 'page' | 'idleMs' | 'clock' | 'secretFiles'>> {
  /** `section.key` → text; `null` for no configuration. */
  readonly settings?: Readonly<Record<string, string>> | null;
  /** Address of the administration of a node. */
  readonly node?: string;
  readonly urls?: readonly string[];
}

function patientOf({ settings = {}, node, urls = [], ...given }: Examined): Patient {
  const flags = new Map(Object.entries({ 'auth.jwt_secret': SECRET, ...settings }));
  const config = settings === null ? null : loadConfig({ files: [], environment: {}, flags }).config;
  return {
    clock: systemClock,
    configuration: config === null ? null : { config, problems: [], apps: [] },
    authentication: config === null ? undefined : buildAuthentication(config, silentLog),
    views: node === undefined ? null : viewsByHttp(new URL(node), ADMIN_TOKEN),
    checkToken: node === undefined ? undefined : tokenCheckByHttp(new URL(node), ADMIN_TOKEN),
    urls: urls.map((url) => new URL(url)),
    tokens: [],
    page: null,
    manifests: null,
    idleMs: 0,
    ...given,
  };
}

/** What the checks find, without the name of each. */
export async function findings(checks: readonly Check[], examined: Examined): Promise<readonly Finding[]> {
  return (await examine(checks, patientOf(examined), systemScheduler)).findings;
}

/** For what is wrong: `level check says → cure`. */
export async function faults(checks: readonly Check[], examined: Examined): Promise<readonly string[]> {
  return (await findings(checks, examined))
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, says, cure }) => `${level} ${check} ${says} → ${cure}`);
}
