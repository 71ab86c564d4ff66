/** What operators and the backend itself can do: see dead letters, replay them, say that rights have changed. */
import type { Principal } from '../../auth/principal.ts';
import type { Refusal } from '../../protocol/errors.ts';
import type { AppDeadLetters, AppRoute } from '../app.ts';
import type { Host } from '../host-api.ts';
import type { DeadLetter } from './event-queue.ts';
import type { Questions } from './questions.ts';
import type { Telling } from './telling.ts';

const MAX_LETTERS = 1_000;

export function routes(host: Host, questions: Questions, letters: AppDeadLetters | null): AppRoute[] {
  host.on('forget', () => questions.forget());
  return [rightsChanged(host, questions), ...(letters === null ? [] : deadLetters(host, letters))];
}

function rightsChanged(host: Host, questions: Questions): AppRoute {
  return host.route({
    method: 'POST',
    path: '/apps/webhooks/rights-changed',
    access: 'service',
    crossOrigin: false,
    summary:
      'Says that answers to subscribing hold no longer: of a user, of a topic, or all. Live subscriptions are asked anew.',
    body: (z) => z.strictObject({ user: z.string().min(1).optional(), topic: z.string().min(1).optional() }),
    handle: async ({ principal: { tenant }, body: { user, topic } }) => {
      // First the memory of every node: what is asked anew must not be answered from it.
      host.emit('forget', null);
      questions.forget();
      const whose = { ...(user !== undefined && { user: { tenant, user } }), ...(topic !== undefined && { topic }) };
      await host.rightsChanged(whose);
      return { status: 202, body: { status: 'accepted' } };
    },
  });
}

/** Those of this node, or of all with a shared queue. */
export function keptLetters(host: Host, { queue, delivery }: Telling): AppDeadLetters {
  return {
    list: async (limit) => {
      const letters = await queue.deadLetters(limit);
      return { total: queue.size().deadLetters, deadLetters: letters.map(shown) };
    },
    replay: async (ids) => {
      const count = await queue.replay(ids);
      if (count > 0) host.log.info('Dead letters are replayed', { count });
      delivery.hurry();
      return count;
    },
  };
}

function deadLetters(host: Host, { list, replay }: AppDeadLetters): AppRoute[] {
  host.on('replay', (ids, { node }) => {
    if (node !== host.node) void replay(ids as readonly string[] | null);
  });
  return [
    host.route({
      method: 'GET',
      path: '/apps/webhooks/dead-letters',
      access: 'service',
      crossOrigin: false,
      summary: 'Events that could not be delivered, the newest first: of this node, or of all with a shared queue.',
      query: (z) => z.strictObject({ limit: z.coerce.number().int().min(1).max(MAX_LETTERS).default(100) }),
      handle: async ({ principal, query }) => {
        const refused = notOperator(host, principal);
        if (refused !== null) return refused;
        const { total, deadLetters: letters } = await list(query.limit);
        return { body: { node: host.node, total, dead_letters: letters } };
      },
    }),
    host.route({
      method: 'POST',
      path: '/apps/webhooks/dead-letters/replay',
      access: 'service',
      crossOrigin: false,
      summary: 'Puts dead letters into the queues of all nodes again: those with these ids, or all.',
      body: (z) => z.strictObject({ ids: z.array(z.string().min(1)).min(1).max(MAX_LETTERS).optional() }),
      handle: async ({ principal, body: { ids } }) => {
        const refused = notOperator(host, principal);
        if (refused !== null) return refused;
        host.emit('replay', ids ?? null);
        return { body: { node: host.node, replayed: await replay(ids ?? null) } };
      },
    }),
  ];
}

/** Dead letters are of all tenants. */
function notOperator(host: Host, { tenant }: Principal): Refusal | null {
  return tenant === ''
    ? null
    : host.refuse('not_allowed', 'expected a token of no tenant: dead letters are of all tenants');
}

function shown({ id, reason, at, event }: DeadLetter): object {
  return { id, reason, at: new Date(at).toISOString(), event: JSON.parse(event) as unknown };
}
