/** `signalbox topics`: what a node serves, and to how many. */
import {
  ADMIN_OPTIONS,
  NODE_OPTION,
  ask,
  isIncomplete,
  nodesOf,
  ofNode,
  show,
  table,
  withProblems,
} from './admin-client.ts';
import type { Command, ExitCode } from './command.ts';

export const topics: Command = {
  name: 'topics',
  summary: 'Lists the topics that a node serves, the most subscribed first.',
  usage: '[--node NAME] [--prefix chat.] [--limit 20] [--url URL]',
  positionals: 0,
  options: {
    prefix: { type: 'string', value: 'TEXT', help: 'only topics whose names begin like this' },
    limit: { type: 'string', value: 'N', help: 'how many (default: 20)' },
    offset: { type: 'string', value: 'N', help: 'from where on' },
    node: { ...NODE_OPTION, help: `${NODE_OPTION.help}; * for all` },
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const query = ofNode(args);
    query.set('limit', args.text('limit') ?? '20');
    for (const name of ['prefix', 'offset']) {
      const text = args.text(name);
      if (text !== undefined) query.set(name, text);
    }
    return show(args, await ask(args, 'GET', `/admin/topics?${query.toString()}`), describe, isIncomplete);
  },
};

function describe(body: Readonly<Record<string, unknown>>): string {
  const isOfAll = body['node'] === '*';
  const list = body['topics'] as readonly Readonly<Record<string, unknown>>[];
  const titles = [...(isOfAll ? ['node'] : []), 'topic', 'epoch', 'sequence', 'subscribers', 'lagging', 'routed'];
  const rows = list.map((topic) => titles.map((title) => topic[title]));
  const count = `${rows.length} of ${String(body['total'])} topics of ${nodesOf(body)}`;
  return withProblems(`${table(titles, rows)}\n${count}`, body);
}
