/** Routes over operations: who asks is read from the request, and what an operation refuses is the answer. */
import type { Host } from '../host-api.ts';
import type { AppRoute, RouteDefinition } from '../app.ts';
import type { RouteRequest, RouteResponse } from '../app-route.ts';
import type { Refusal } from '../../protocol/errors.ts';
import type { Zod } from '../vocabulary.ts';
import { placeOf, type MessagePlace } from './message-id.ts';
import type { Actor } from './ports.ts';

export type UserRequest<Body, Query> = RouteRequest<'user', Body, Query>;
export type Definition<Body, Query> = Omit<RouteDefinition<'user', Body, Query>, 'access' | 'handle'>;

/** Texts are kept as they were sent: no browser takes an answer for a page. */
const INERT = { 'x-content-type-options': 'nosniff' };

/** Any token: the operation refuses those who may not. @param answer the whole response, or a refusal */
export function operationRoute<Body = undefined, Query = Readonly<Record<string, string>>>(
  host: Host,
  definition: Definition<Body, Query>,
  answer: (actor: Actor, request: UserRequest<Body, Query>) => Promise<RouteResponse | Refusal>,
): AppRoute {
  return host.route<'user', Body, Query>({
    ...definition,
    access: 'user',
    handle: async (request) => {
      const response = await answer(actorOf(request), request);
      return host.isRefusal(response) ? response : { ...response, headers: { ...INERT, ...response.headers } };
    },
  });
}

/** With where the request came from, for the audit. */
function actorOf({ principal, address, header }: UserRequest<unknown, unknown>): Actor {
  const { tenant, user, roles } = principal;
  const agent = header('user-agent');
  return { tenant, user, roles, address, ...(agent !== undefined && { agent }) };
}

const ID = /^[A-Za-z0-9_:-]{1,100}$/;

/** The conversation of the path. Any other text is the conversation of nobody: PostgreSQL does not take every text. */
export function conversationIn({ parameters }: UserRequest<unknown, unknown>): string {
  const { id = '' } = parameters;
  return ID.test(id) ? id : 'none';
}

/** The message of the path, in the conversation of the path where there is one; else the message of nobody. */
export function messageIn({ parameters }: UserRequest<unknown, unknown>): MessagePlace {
  const { id, messageId } = parameters;
  const place = placeOf(messageId ?? id ?? '');
  const isThere = place !== null && (messageId === undefined || place.conversation === id);
  return isThere ? place : { conversation: 'none', sequence: 1 };
}

/** A name or an id that PostgreSQL takes. */
export function textOf(z: Zod, most = 256) {
  return z
    .string()
    .min(1)
    .max(most)
    .refine((text) => !text.includes('\0'), 'expected no NUL');
}

/** Of a query. */
export function countOf(z: Zod, least = 0) {
  return z.coerce.number().int().min(least).max(Number.MAX_SAFE_INTEGER).optional();
}

/** Clients of HTTP send `{}` where there is nothing to say. */
export function nothing(z: Zod) {
  return z.looseObject({});
}
