/** A part of a recount, for `./signalbox conversations recount`: with `after` the next one. */
import type { AppRoute } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import { recount } from './recount.ts';
import type { PositionPorts } from './ports.ts';

export const RECOUNT_PATH = '/apps/conversations/recount';
const DEADLINE_MS = 20_000;

export function recountRoute(host: Pick<Host, 'route' | 'refuse'>, { database }: PositionPorts): AppRoute {
  return host.route({
    method: 'POST',
    path: RECOUNT_PATH,
    access: 'service',
    summary: 'Holds what is unread against the messages, a part of the conversations at a time.',
    body: (z) => z.strictObject({ after: z.string().max(600).optional() }),
    answers: (z) => ({
      200: z.object({
        conversations: z.int(),
        members: z.int(),
        messages: z.int(),
        corrections: z.int(),
        next: z.string().nullable(),
      }),
    }),
    deadlineMs: DEADLINE_MS,
    handle: async ({ body }) => {
      const recounted = await recount(database, body.after);
      if (recounted === null) return host.refuse('invalid_field', 'after: expected what an earlier part gave as next');
      return { body: recounted };
    },
  });
}
