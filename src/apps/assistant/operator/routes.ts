/** What operators ask, for the verbs of the command line. Both are of the tenant of the token. */
import type { AppRoute } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import type { Ports } from '../ports.ts';
import { restoreDeleted } from './restoring.ts';
import { verifySessions } from './verifying.ts';

export const RECOVER_PATH = '/apps/assistant/recover';
export const VERIFY_PATH = '/apps/assistant/verify';
const DEADLINE_MS = 20_000;
const MOST_HOURS = 8_760;

export function operatorRoutes(host: Host, ports: Ports): AppRoute[] {
  return [
    host.route({
      method: 'POST',
      path: RECOVER_PATH,
      access: 'service',
      summary: 'Brings back sessions that were deleted within so many hours, of a user or of all.',
      body: (z) =>
        z.strictObject({ hours: z.int().min(1).max(MOST_HOURS), user: z.string().min(1).max(256).optional() }),
      answers: (z) => ({ 200: z.object({ restored: z.int() }) }),
      deadlineMs: DEADLINE_MS,
      handle: async ({ body: { hours, user }, principal: { tenant } }) => ({
        body: { restored: await restoreDeleted(ports, { tenant, user, hours }) },
      }),
    }),
    host.route({
      method: 'POST',
      path: VERIFY_PATH,
      access: 'service',
      summary: 'Looks for holes in the messages of sessions, a part of the sessions at a time.',
      body: (z) => z.strictObject({ after: z.string().max(128).optional() }),
      answers: (z) => ({
        200: z.object({
          sessions: z.int(),
          faults: z.array(z.object({ session: z.string(), missing: z.int().nullable() })),
          next: z.string().nullable(),
        }),
      }),
      deadlineMs: DEADLINE_MS,
      handle: async ({ body: { after }, principal: { tenant } }) => ({
        body: await verifySessions(ports, { tenant, after }),
      }),
    }),
  ];
}
