/** What a backend can ask about who is present in a topic: a page of members, as `PresenceGet` gives it on the wire. */
import type { Node } from '../node/node.ts';
import type { GuardedRoute, HttpResponse } from '../node/route.ts';
import { isRefusal, quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { PresenceGetFrame } from '../protocol/frames.ts';
import { readFrame } from '../protocol/guard.ts';
import { READ_COST } from '../service/rates.ts';
import { membersQuery, readPresence } from '../service/presence.ts';
import { apiRoute, refused, type Call } from './api.ts';

const NAMES = ['limit', 'after', 'user'];

export function presenceRoutes(node: Node, trustedProxies: readonly string[]): GuardedRoute[] {
  return [
    apiRoute(node, trustedProxies, {
      method: 'GET',
      path: '/api/topics/:topic/presence',
      cost: READ_COST,
      answer: presence,
    }),
  ];
}

function presence({ request, parts: { context }, principal }: Call): Promise<HttpResponse> {
  const query = queryOf(request.parameters['topic'] ?? '', request.query);
  if (isRefusal(query)) return Promise.resolve(refused(query));
  const asked = membersQuery(context.presence, query);
  if (isRefusal(asked)) return Promise.resolve(refused(asked));
  return new Promise((resolve) => {
    readPresence(context, principal, asked, (answer) =>
      resolve(isRefusal(answer) ? refused(answer) : { status: 200, body: answer }),
    );
  });
}

/** As the frame is read; unknown names are refused. */
function queryOf(topic: string, query: URLSearchParams): PresenceGetFrame | Refusal {
  const names = [...query.keys()];
  const stray = names.find((name, at) => !NAMES.includes(name) || names.indexOf(name) !== at);
  if (stray !== undefined)
    return refusal('invalid_field', `expected each of ${NAMES.join(', ')} at most once, got ${quote(stray)}`);
  const { limit, ...rest } = Object.fromEntries(query);
  const data = {
    topic,
    ...rest,
    ...(limit === undefined ? {} : { limit: /^\d{1,9}$/.test(limit) ? Number(limit) : limit }),
  };
  const frame = readFrame({ type: 'PresenceGet', data }, JSON.stringify);
  if (frame.type === 'rejected') return refusal(frame.refusal.reason, frame.refusal.message.replace(/^data\./, ''));
  return frame as PresenceGetFrame;
}
