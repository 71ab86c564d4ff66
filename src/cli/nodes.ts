/** `signalbox nodes`: who serves together. */
import { ADMIN_OPTIONS, ask, show, table } from './admin-client.ts';
import type { Command, ExitCode } from './command.ts';

export const nodes: Command = {
  name: 'nodes',
  summary: 'Lists the live nodes of a service.',
  usage: '[--url URL]',
  positionals: 0,
  options: ADMIN_OPTIONS,
  async run(args): Promise<ExitCode> {
    return show(args, await ask(args, 'GET', '/admin/nodes'), (body) => {
      const list = body['nodes'] as readonly Readonly<Record<string, unknown>>[];
      const titles = ['node', 'instance', 'address', 'version', 'mode', 'connections'] as const;
      return table(
        titles,
        list.map((node) => titles.map((title) => node[title])),
      );
    });
  },
};
