/** A route of the guide: the role, the rate, the shapes of good answers and of refusals, and the correlation id of both. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { AppRoute, RouteDefinition } from '../../app.ts';
import type { RouteRequest, RouteResponse } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import type { Asker } from '../ports.ts';
import type { Door } from './door.ts';

export const PLACE = '/api/v1/admin/chat';

export type GuideRequest<Body, Query> = Pick<
  RouteRequest<'user', Body, Query>,
  'parameters' | 'body' | 'query' | 'header' | 'signal'
>;

export interface GuideAnswer {
  readonly status?: number;
  readonly data?: JsonValue;
  /** Beside `data`. */
  readonly more?: Readonly<Record<string, JsonValue>>;
}

type Definition<Body, Query> = Omit<RouteDefinition<'user', Body, Query>, 'access' | 'handle' | 'refused' | 'path'> & {
  /** Below {@link PLACE}. */
  readonly path: string;
};

/** Texts of users are kept as they were sent: no browser takes an answer for a page. */
const INERT = { 'x-content-type-options': 'nosniff' };

export function guideRoute<Body = undefined, Query = Readonly<Record<string, string>>>(
  host: Host,
  door: Door,
  definition: Definition<Body, Query>,
  answer: (asker: Asker, request: GuideRequest<Body, Query>) => Promise<GuideAnswer | Refusal> | GuideAnswer | Refusal,
): AppRoute {
  const { method, path } = definition;
  const where = `${method} ${path}`;
  return host.route<'user', Body, Query>({
    ...definition,
    path: `${PLACE}${path}`,
    access: 'user',
    refused: (problem, { header }) => door.answer(problem, where, header),
    handle: async (request): Promise<RouteResponse | Refusal> => {
      const { principal, header } = request;
      const problem = door.roleProblem(principal) ?? door.rateProblem(principal);
      const answered = problem ?? (await answer(principal, request));
      if (host.isRefusal(answered)) return answered;
      const { status = 200, data, more } = answered;
      return {
        status,
        headers: { ...INERT, 'x-correlation-id': door.correlationOf(header), ...door.rateHeaders(principal) },
        body: { success: true, ...(data !== undefined && { data }), ...more },
      };
    },
  });
}
