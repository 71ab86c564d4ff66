/** `signalbox queues`: what waits in the queues of applications, what was given up, and what becomes of that. */
import { ADMIN_OPTIONS, ask, show, table } from './admin-client.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';

type Body = Readonly<Record<string, unknown>>;

const ACTIONS: Readonly<Record<string, (args: Arguments, queue: string) => Promise<ExitCode>>> = {
  list: async (args) => show(args, await ask(args, 'GET', '/admin/queues'), described),
  dead: async (args, queue) => {
    const query = new URLSearchParams({ queue, limit: args.text('limit') ?? '20' });
    return show(args, await ask(args, 'GET', `/admin/queues/dead?${query.toString()}`), deadLetters);
  },
  replay: async (args, queue) => {
    const [limit, ids] = [args.text('limit'), args.text('ids')];
    const body = {
      queue,
      ...(limit !== undefined && { limit: Number(limit) }),
      ...(ids !== undefined && { ids: ids.split(',') }),
    };
    const answer = await ask(args, 'POST', '/admin/queues/replay', body);
    return show(args, answer, ({ replayed }) => `${String(replayed)} messages are back in ${queue}`);
  },
  purge: async (args, queue) => {
    const what = args.flag('dead') ? 'dead' : 'waiting';
    const words = what === 'dead' ? 'its dead letters' : 'what waits in it';
    if (!args.flag('yes'))
      throw new UsageError(`expected --yes: a purge of ${queue} drops ${words}, and nothing brings it back`);
    const answer = await ask(args, 'POST', '/admin/queues/purge', { queue, what, confirm: queue });
    return show(args, answer, ({ purged }) => `${String(purged)} messages of ${queue} are dropped`);
  },
};

export const queues: Command = {
  name: 'queues',
  summary: 'Lists the queues of applications and their dead letters, replays these, and purges.',
  usage: 'list | dead QUEUE | replay QUEUE [--ids A,B] [--limit N] | purge QUEUE [--dead] --yes [--url URL]',
  positionals: 2,
  options: {
    limit: { type: 'string', value: 'N', help: 'of dead: how many (default: 20); of replay: at most so many (1000)' },
    ids: { type: 'string', value: 'A,B', help: 'of replay: these messages (default: the oldest)' },
    dead: { type: 'boolean', help: 'of purge: the dead letters, and not what waits' },
    yes: { type: 'boolean', help: 'of purge: nothing brings the messages back' },
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const [name = '', queue = ''] = args.positionals;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined)
      throw new UsageError(`expected one of ${Object.keys(ACTIONS).join(', ')}, got ${JSON.stringify(name)}`);
    if ((name === 'list') !== (queue === ''))
      throw new UsageError(
        name === 'list' ? `expected list and no further word, got ${JSON.stringify(queue)}` : `expected ${name} QUEUE`,
      );
    return action(args, queue);
  },
};

function described(body: Body): string {
  if (body['kind'] === null) return 'no application of this node names a queue';
  const titles = ['queue', 'ready', 'unacknowledged', 'later', 'dead'];
  const rows = (body['queues'] as readonly Body[]).map((row) => titles.map((title) => row[title] ?? '?'));
  const trouble = body['trouble'] === null ? '' : `, ${String(body['trouble'])}: ${String(body['problem'])}`;
  return `${table(titles, rows)}\nkept in ${String(body['kind'])}${trouble}`;
}

function deadLetters(body: Body): string {
  const titles = ['id', 'tenant', 'attempts', 'given up', 'reason'];
  const list = body['dead_letters'] as readonly Body[];
  const rows = list.map(({ id, tenant, attempt, at, reason }) => {
    return [id, tenant, attempt, new Date(Number(at)).toISOString(), reason];
  });
  return `${table(titles, rows)}\n${rows.length} of ${String(body['total'])} dead letters of ${String(body['queue'])}`;
}
