/** `signalbox nodes`: who serves together. */
import { ADMIN_OPTIONS, ask, show, table, type Answer } from './admin-client.ts';
import type { Command, ExitCode } from './command.ts';
import { printable } from './printable.ts';

export const nodes: Command = {
  name: 'nodes',
  summary: 'Lists the live nodes of a service.',
  usage: '[--url URL]',
  positionals: 0,
  options: ADMIN_OPTIONS,
  async run(args): Promise<ExitCode> {
    const answer = await ask(args, 'GET', '/admin/nodes');
    return show(args, answer, textOf, ({ problem }) => typeof problem === 'string');
  },
};

function textOf({ nodes: list, departed = [], problem }: Answer['body']): string {
  const titles = ['node', 'instance', 'address', 'version', 'mode', 'connections'] as const;
  const rows = (list as readonly Readonly<Record<string, unknown>>[]).map((node) => titles.map((title) => node[title]));
  const gone = (departed as readonly { readonly node: string; readonly seen_at: number }[]).map(
    ({ node, seen_at: seen }) =>
      `gone: ${printable(node)}, without saying goodbye, last seen ${new Date(seen).toISOString()}`,
  );
  return [table(titles, rows), ...gone, ...(typeof problem === 'string' ? [`not all: ${problem}`] : [])].join('\n');
}
