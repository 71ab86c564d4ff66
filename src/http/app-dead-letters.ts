/** The admin endpoint that shows what applications have given up; what is tried again is a command (admin-commands.ts). */
import { z } from 'zod';
import type { AppDeadLetters } from '../node/app-dead-letters.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse } from '../node/route.ts';
import { isRefusal, quote, refusal } from '../protocol/errors.ts';
import type { AdminRoute } from './admin-access.ts';

export const APP_DEAD_LETTERS = '/admin/apps/dead-letters';
export const APP_DEAD_LETTERS_QUERY = z.strictObject({
  app: z.string().optional().describe('the application; without, all that keep dead letters, with how many'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

/** @param kept by the applications of this node, once they run */
export function appDeadLetterRoute(node: string, kept: () => AppDeadLetters): AdminRoute {
  return {
    method: 'GET',
    path: APP_DEAD_LETTERS,
    handle: async ({ query }) => {
      const read = APP_DEAD_LETTERS_QUERY.safeParse(Object.fromEntries(query));
      if (read.success) return list(node, kept(), read.data);
      const [issue] = read.error.issues;
      const text = `query ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
      return refusalResponse(refusal('invalid_field', text));
    },
  };
}

async function list(
  node: string,
  kept: AppDeadLetters,
  { app, limit }: z.output<typeof APP_DEAD_LETTERS_QUERY>,
): Promise<HttpResponse> {
  if (app === undefined) return { status: 200, body: { node, apps: await totals(kept) } };
  const names = [...kept.keys()].join(', ') || 'there is none';
  const expected = `expected an application that keeps dead letters (${names}), got ${quote(app)}`;
  const page = (await kept.get(app)?.list(limit)) ?? refusal('not_found', expected);
  if (isRefusal(page)) return refusalResponse(page);
  return { status: 200, body: { node, app, total: page.total, dead_letters: page.deadLetters } };
}

function totals(kept: AppDeadLetters): Promise<readonly object[]> {
  return Promise.all(
    [...kept].map(async ([app, letters]) => {
      const page = await letters.list(1);
      return isRefusal(page) ? { app, total: null, problem: page.message } : { app, total: page.total, problem: null };
    }),
  );
}
