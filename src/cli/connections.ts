/** `signalbox connections`: who is connected, who is behind, and everything about one of them. */
import {
  ADMIN_OPTIONS,
  NODES_OPTION,
  ask,
  isIncomplete,
  nodesOf,
  ofNode,
  ofNodes,
  show,
  table,
  withProblems,
} from './admin-client.ts';
import { UsageError, type Command, type ExitCode } from './command.ts';
import { describeChange } from './emergency.ts';

type Row = Readonly<Record<string, unknown>>;

export const connections: Command = {
  name: 'connections',
  summary: 'Lists connections, the worst first; shows one; closes one.',
  usage: '[list | show ID | close ID] [--node NAME] [--sort mailbox] [--limit 20] [--url URL]',
  positionals: 2,
  options: {
    sort: { type: 'string', value: 'BY', help: 'mailbox (default), bytes, age, lag, connected' },
    limit: { type: 'string', value: 'N', help: 'how many (default: 20)' },
    offset: { type: 'string', value: 'N', help: 'from where on' },
    user: { type: 'string', value: 'NAME', help: 'only those of this user' },
    node: NODES_OPTION,
    reconnect: { type: 'boolean', help: 'of close: the client may come back' },
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const [action = 'list', id] = args.positionals;
    if (action === 'list') {
      const query = ofNodes(args);
      query.set('limit', args.text('limit') ?? '20');
      for (const name of ['sort', 'offset', 'user']) {
        const text = args.text(name);
        if (text !== undefined) query.set(name, text);
      }
      return show(args, await ask(args, 'GET', `/admin/connections?${query.toString()}`), describeList, isIncomplete);
    }
    if ((action !== 'show' && action !== 'close') || id === undefined)
      throw new UsageError(`expected list, show ID or close ID, got ${args.positionals.join(' ')}`);
    const path = `/admin/connections/${encodeURIComponent(id)}`;
    if (action === 'show')
      return show(args, await ask(args, 'GET', `${path}?${ofNode(args).toString()}`), (body) => describe(body));
    return show(args, await ask(args, 'DELETE', path, { reconnect: args.flag('reconnect') }), describeChange);
  },
};

function describeList(body: Row): string {
  const isOfAll = body['node'] === '*';
  const rows = (body['connections'] as readonly Row[]).map((row) => [
    ...(isOfAll ? [row['node']] : []),
    row['id'],
    row['user'],
    row['format'],
    row['state'],
    `${String(row['connected_secs'])} s`,
    row['subscriptions'],
    row['mailbox_messages'],
    row['mailbox_bytes'],
    `${String(row['oldest_age_ms'])} ms`,
    row['lag'],
    row['blocked'] === true ? 'yes' : 'no',
  ]);
  const titles = [
    ...(isOfAll ? ['node'] : []),
    'id',
    'user',
    'format',
    'state',
    'since',
    'subs',
    'mailbox',
    'bytes',
    'oldest',
    'lag',
    'blocked',
  ];
  const count = `${rows.length} of ${String(body['total'])} connections of ${nodesOf(body)}`;
  return withProblems(`${table(titles, rows)}\n${count}`, body);
}

function describe(body: Row): string {
  const { subscriptions, next_entries: entries, health, lanes, ...plain } = body;
  const fields = Object.entries(plain).filter(([, value]) => typeof value !== 'object' || value === null);
  const rows = (subscriptions as readonly (Row & { position: Row })[]).map((row) => [
    row['topic'],
    row['state'],
    row.position['sequence'],
    row['head'],
    row['queued'],
    row['behind'],
    row['open_gap'] === null ? 'none' : JSON.stringify(row['open_gap']),
  ]);
  return [
    table(['field', 'value'], fields),
    '',
    ...Object.entries(lanes as Row).map(([lane, state]) => `${lane} lane: ${JSON.stringify(state)}`),
    `actor: ${JSON.stringify(health)}`,
    '',
    table(['topic', 'state', 'written', 'head', 'queued', 'behind', 'gap'], rows),
    ...(entries as readonly Row[]).map((entry) => `next: ${JSON.stringify(entry)}`),
  ].join('\n');
}
