/** `signalbox drain`: empties a node and ends it, as SIGTERM does. */
import { ADMIN_OPTIONS, ask, show } from './admin-client.ts';
import type { Command, ExitCode } from './command.ts';
import { describeChange } from './emergency.ts';

export const drain: Command = {
  name: 'drain',
  summary: 'Tells a node to send its clients elsewhere and to end; exit code 0 there.',
  usage: '[--dry-run] [--node NAME] [--url URL]',
  positionals: 0,
  options: {
    'dry-run': { type: 'boolean', help: 'say how many connections it would move' },
    node: { type: 'string', value: 'NAME', help: "another node than the one at --url; '*' for all of them" },
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const node = args.text('node');
    const body = { dry_run: args.flag('dry-run'), ...(node !== undefined && { node }) };
    return show(args, await ask(args, 'POST', '/admin/drain', body), describeChange);
  },
};
