/** What the routes of operators have in common. */
import { isRefusal, type Refusal } from '../../protocol/errors.ts';
import type { RouteRequest, RouteResponse } from '../app-route.ts';
import type { Actor } from './audit.ts';

export function idIn(parameters: Readonly<Record<string, string>>): string {
  return parameters['id'] ?? '';
}

/** For the audit. */
export function actorOf({
  principal,
  address,
}: Pick<RouteRequest<'admin', unknown, unknown>, 'principal' | 'address'>): Actor {
  return { user: principal.user, address };
}

export function answerOf<T extends object>(answer: T | Refusal, body: (done: T) => object): RouteResponse | Refusal {
  return isRefusal(answer) ? answer : { body: body(answer) };
}
