/** The examination that a node makes of itself and of its service: `GET /admin/doctor`. */
import type { LoadedApp } from '../../apps/loaded.ts';
import type { Config } from '../../config/schema.ts';
import type { Patient, View } from '../../doctor/patient.ts';
import type { AdminRoute } from '../../http/admin-access.ts';
import { silentLog } from '../../telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { buildAuthentication } from '../authentication.ts';
import { build } from './build.ts';

/** @param looking the views, for whichever node */
export async function examineSelf(
  name: string,
  config: Config,
  apps: readonly LoadedApp[],
  looking: readonly AdminRoute[],
): Promise<object> {
  // What a node needs that is never examined stays out of its memory.
  const [{ CHECKS }, { examine }] = await Promise.all([
    import('../../doctor/checks/all.ts'),
    import('../../doctor/examine.ts'),
  ]);
  const patient: Patient = {
    clock,
    binding: () => Promise.resolve(build.uws_version),
    configuration: { config, problems: [], apps },
    authentication: buildAuthentication(config, silentLog),
    views: { address: name, get: (path) => look(looking, path) },
    urls: [],
    tokens: [],
    page: null,
    manifests: null,
    idleMs: 0,
  };
  return { node: name, at: clock.now(), ...(await examine(CHECKS, patient, scheduler)) };
}

async function look(routes: readonly AdminRoute[], path: string): Promise<View> {
  const { pathname, searchParams: query } = new URL(path, 'http://node');
  const route = routes.find((candidate) => candidate.method === 'GET' && candidate.path === pathname);
  if (route === undefined) return { status: 404, body: null };
  const header = (): undefined => undefined;
  const head = { method: 'GET', path: pathname, query, header, parameters: {} } as const;
  const { status, body } = await route.handle({ ...head, body: '', address: '', who: 'doctor' });
  return { status, body: (body ?? null) as View['body'] };
}
