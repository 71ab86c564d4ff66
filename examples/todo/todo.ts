/**
 * A shared to-do list: its members alone read and change it, and its owner invites them. The list is the log of the topic
 * `todo.<list>`: who is a member and what is to do is read from it, and remembered only until the next change.
 */
import type { App, Host, Position, Principal, Refusal } from 'signalbox';

type Change =
  | { readonly kind: 'member'; readonly user: string }
  | { readonly kind: 'item'; readonly id: string; readonly text: string }
  | { readonly kind: 'done'; readonly id: string };

interface List {
  readonly members: ReadonlySet<string>;
  readonly items: ReadonlyMap<string, { readonly text: string; readonly isDone: boolean }>;
}

/** The answer for lists that are not there and for those of others: the same. */
const NOT_YOURS = 'expected a list of yours';

export const app: App = {
  name: 'todo',
  start(host) {
    const lists = new Lists(host);
    const handle = async (list: string, principal: Principal, changes: readonly Change[]) => {
      const known = await lists.read(list, principal.tenant);
      if (host.isRefusal(known)) return known;
      const isNew = known.members.size === 0;
      if (!isNew && !known.members.has(principal.user)) return host.refuse('not_found', NOT_YOURS);
      const first: Change[] = isNew ? [{ kind: 'member', user: principal.user }] : [];
      return lists.write(list, principal, [...first, ...changes]);
    };
    return {
      topics: [
        {
          pattern: 'todo.*',
          mayAct: async (principal, action, topic) => {
            if (action === 'publish') return false;
            const list = await lists.read(topic.slice('todo.'.length), principal.tenant);
            return host.isRefusal(list) ? list : list.members.has(principal.user);
          },
        },
      ],
      frames: {
        'X-TodoAdd': host.frame({
          schema: (z) => z.strictObject({ list: z.string().regex(/^\w{1,64}$/), text: z.string().min(1).max(500) }),
          handle: ({ list, text }, { principal }) =>
            handle(list, principal, [{ kind: 'item', id: host.random.id(), text }]),
        }),
        'X-TodoDone': host.frame({
          schema: (z) => z.strictObject({ list: z.string().regex(/^\w{1,64}$/), id: z.string().max(32) }),
          handle: ({ list, id }, { principal }) => handle(list, principal, [{ kind: 'done', id }]),
        }),
        'X-TodoInvite': host.frame({
          schema: (z) => z.strictObject({ list: z.string().regex(/^\w{1,64}$/), user: z.string().min(1).max(128) }),
          async handle({ list, user }, { principal }) {
            const answer = await handle(list, principal, [{ kind: 'member', user }]);
            if (host.isRefusal(answer)) return answer;
            const { tenant } = principal;
            // The user may have been refused before, and is told of the list wherever a device is connected.
            await host.rightsChanged({ user: { tenant, user }, topic: `todo.${list}` });
            await host.notify({ tenant, user }, 'todo_invited', { list });
            return answer;
          },
        }),
      },
      routes: [
        host.route({
          method: 'GET',
          path: '/api/todo/:list',
          access: 'user',
          summary: 'The items of a list.',
          async handle({ parameters, principal }) {
            const list = await lists.read(parameters['list'] ?? '', principal.tenant);
            if (host.isRefusal(list)) return list;
            if (!list.members.has(principal.user)) return host.refuse('not_found', NOT_YOURS);
            return { body: { items: [...list.items].map(([id, item]) => ({ id, ...item })) } };
          },
        }),
      ],
    };
  },
};

class Lists {
  private readonly host: Host;

  constructor(host: Host) {
    this.host = host;
  }

  async write(list: string, { tenant, user }: Principal, changes: readonly Change[]) {
    for (const change of changes) {
      const written = await this.host.publish(`todo.${list}`, { tenant, from: user, payload: change });
      if (this.host.isRefusal(written)) return written;
    }
    return { list };
  }

  async read(list: string, tenant: string): Promise<List | Refusal> {
    const members = new Set<string>();
    const items = new Map<string, { text: string; isDone: boolean }>();
    for (let after: Position | undefined; ;) {
      const page = await this.host.history(`todo.${list}`, { tenant, limit: 500, ...(after && { after }) });
      if (this.host.isRefusal(page)) return page;
      for (const { payload } of page.messages) {
        const change = payload as Change;
        if (change.kind === 'member') members.add(change.user);
        else if (change.kind === 'item') items.set(change.id, { text: change.text, isDone: false });
        else items.set(change.id, { text: items.get(change.id)?.text ?? '', isDone: true });
      }
      after = page.messages.at(-1)?.at;
      if (after === undefined || after.sequence >= page.head.sequence) return { members, items };
    }
  }
}
