/** `GET /admin/figures`: the last fifteen minutes of a node, for charts. */
import { z } from 'zod';
import type { NodeFigures } from '../node/figures.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import { refusal } from '../protocol/errors.ts';
import { EVERY_SECS } from '../telemetry/recent-figures.ts';
import type { AdminRoute } from './admin-access.ts';

export const FIGURES_PATH = '/admin/figures';
export const FIGURES_QUERY = z.strictObject({
  since: z.coerce
    .number()
    .min(0)
    .default(0)
    .describe('ms since 1970 by the clock of the node: only what was measured after it'),
});

export function figuresRoute(node: string, figures: NodeFigures): AdminRoute {
  return {
    method: 'GET',
    path: FIGURES_PATH,
    handle: ({ query }) => {
      const read = FIGURES_QUERY.safeParse(Object.fromEntries(query));
      if (read.success)
        return { status: 200, body: { node, every_secs: EVERY_SECS, ...figures.since(read.data.since) } };
      const [issue] = read.error.issues;
      const text = `query ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
      return refusalResponse(refusal('invalid_field', text));
    },
  };
}
