/** Examines as `signalbox doctor` does, in the process of the test. */
import { buildAuthentication } from '../../src/cli/authentication.ts';
import type { Check } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { Patient } from '../../src/doctor/patient.ts';
import { tokenCheckByHttp } from '../../src/doctor/views-by-http.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from './admin.ts';
import { patient } from './patient.ts';

export interface Examined extends Partial<Pick<Patient, 'tokens' | 'page' | 'idleMs' | 'clock' | 'secretFiles'>> {
  /** `section.key` → text; `null` for no configuration. */
  readonly settings?: Readonly<Record<string, string>> | null;
  /** Address of the administration of a node. */
  readonly node?: string;
  readonly urls?: readonly string[];
}

async function patientOf({ settings = {}, node, urls = [], ...given }: Examined): Promise<Patient> {
  const found = await patient({
    ...(settings !== null && { settings }),
    ...(node !== undefined && { url: node }),
  });
  const config = found.configuration?.config ?? null;
  return {
    ...found,
    authentication: config === null ? undefined : buildAuthentication(config, silentLog),
    checkToken: node === undefined ? undefined : tokenCheckByHttp(new URL(node), ADMIN_TOKEN),
    urls: urls.map((url) => new URL(url)),
    ...given,
  };
}

/** What the checks find, without the name of each. */
export async function findings(checks: readonly Check[], examined: Examined): Promise<readonly Finding[]> {
  return (await examine(checks, await patientOf(examined), systemScheduler)).findings;
}

/** For what is wrong: `level check says → cure`. */
export async function faults(checks: readonly Check[], examined: Examined): Promise<readonly string[]> {
  return (await findings(checks, examined))
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, says, cure }) => `${level} ${check} ${says} → ${cure}`);
}
