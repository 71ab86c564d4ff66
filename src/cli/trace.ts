/** `signalbox trace` and `signalbox why`: what became of a message, and why a user did or did not get it. */
import type { TraceAnswer } from '../http/trace.ts';
import {
  ADMIN_OPTIONS,
  NODES_OPTION,
  ask,
  isIncomplete,
  ofNode,
  ofNodes,
  readDuration,
  show,
  withProblems,
} from './admin-client.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { describeChange } from './emergency.ts';
import { expectedMessageId, messagePlace } from '../protocol/position.ts';
import { traceText, whyText } from './why.ts';

export const trace: Command = {
  name: 'trace',
  summary: 'Shows what became of a message, recipient by recipient; switches tracing on and off per topic.',
  usage: "MESSAGE_ID [--node NAME] | on 'chat.**' [--ttl 1h] | off 'chat.**' | list",
  positionals: 2,
  options: {
    ttl: { type: 'string', value: 'TIME', help: 'of on: tracing ends by itself after this: 30s, 15m, 1h, 7d' },
    node: NODES_OPTION,
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const [first, pattern] = args.positionals;
    if (first === undefined) throw new UsageError('expected a message id, on PATTERN, off PATTERN or list');
    if (first === 'on' || first === 'off') return turn(args, first === 'on', pattern);
    if (pattern !== undefined) throw new UsageError(`expected one message id, got ${args.positionals.join(' ')}`);
    if (first === 'list')
      return show(args, await ask(args, 'GET', `/admin/trace?${ofNode(args).toString()}`), describePatterns);
    const answer = await ask(args, 'GET', `/admin/trace/${messageIdOf(first)}?${ofNodes(args).toString()}`);
    const text = (body: Body): string => withProblems(traceText(body as unknown as TraceAnswer), body);
    return show(args, answer, text, isIncomplete);
  },
};

export const why: Command = {
  name: 'why',
  summary: 'Says in one sentence why a user did or did not get a message.',
  usage: 'MESSAGE_ID --user USER [--node NAME]',
  positionals: 1,
  options: {
    user: { type: 'string', value: 'USER', help: 'the recipient to explain it for' },
    node: NODES_OPTION,
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const [id] = args.positionals;
    const user = args.text('user');
    if (id === undefined || user === undefined) throw new UsageError('expected MESSAGE_ID --user USER');
    const query = ofNodes(args);
    query.set('user', user);
    const path = `/admin/trace/${messageIdOf(id)}?${query.toString()}`;
    // A user who got it got it, whatever other nodes would say.
    const isOpen = (body: Body): boolean =>
      isIncomplete(body) && (body as unknown as TraceAnswer).why?.verdict !== 'delivered';
    return show(args, await ask(args, 'GET', path), (body) => whyText(body as unknown as TraceAnswer), isOpen);
  },
};

type Body = Readonly<Record<string, unknown>>;

/** @throws UsageError */
function messageIdOf(text: string): string {
  if (messagePlace(text) === null) throw new UsageError(expectedMessageId(text));
  return text;
}

async function turn(args: Arguments, enabled: boolean, pattern: string | undefined): Promise<ExitCode> {
  if (pattern === undefined) throw new UsageError(`expected ${enabled ? 'on' : 'off'} PATTERN`);
  const ttl = args.text('ttl');
  const seconds = ttl === undefined ? {} : { ttl_secs: readDuration(ttl, '--ttl') };
  return show(args, await ask(args, 'POST', '/admin/trace', { topics: pattern, enabled, ...seconds }), describeChange);
}

function describePatterns(body: Readonly<Record<string, unknown>>): string {
  const patterns = body['patterns'] as readonly { pattern: string; until: string | null }[];
  if (patterns.length === 0) return 'no topic is traced';
  return patterns.map(({ pattern, until }) => `${pattern}${until === null ? '' : `, until ${until}`}`).join('\n');
}
