/** `signalbox emergency`: what to do when something is on fire, one word each. */
import { ADMIN_OPTIONS, NODES_OPTION, ask, isIncomplete, ofNodes, readDuration, show } from './admin-client.ts';
import { statusText } from './emergency-status.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';

interface Action {
  readonly help: string;
  readonly method: string;
  readonly path: (word: string) => string;
  readonly body: (args: Arguments, word: string) => Readonly<Record<string, unknown>>;
  /** What the second word is, for an action that needs one. */
  readonly word?: string;
  /** Cannot revert, so that --ttl makes no sense. */
  readonly isFinal?: boolean;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  'read-only': {
    help: 'refuse everything that publishes; connections and deliveries go on',
    method: 'POST',
    path: () => '/admin/emergency-mode',
    body: () => ({ mode: 'read_only' }),
  },
  normal: {
    help: 'end read-only mode',
    method: 'POST',
    path: () => '/admin/emergency-mode',
    body: () => ({ mode: 'normal' }),
  },
  'disable-new': {
    help: 'take no new connections',
    method: 'POST',
    path: () => '/admin/connections/disable-new',
    body: () => ({}),
  },
  'enable-new': {
    help: 'take new connections again',
    method: 'POST',
    path: () => '/admin/connections/enable-new',
    body: () => ({}),
  },
  'rate-limits': {
    help: 'change limits: --connection-rps, --user-rps, --global-rps',
    method: 'PUT',
    path: () => '/admin/config/rate-limits',
    body: (args) => rates(args),
  },
  'log-level': {
    help: 'change log levels, e.g. info,connection=debug',
    method: 'PUT',
    path: () => '/admin/config/log-level',
    body: (_args, level) => ({ level }),
    word: 'LEVEL',
  },
  broadcast: {
    help: 'send every client a SystemNotification (--level warning)',
    method: 'POST',
    path: () => '/admin/broadcast',
    body: (args, message) => ({ type: 'SystemNotification', data: { level: args.text('level') ?? 'info', message } }),
    word: 'TEXT',
    isFinal: true,
  },
  disconnect: {
    help: 'close all connections of a user (--reconnect lets them come back)',
    method: 'POST',
    path: (user) => `/admin/users/${encodeURIComponent(user)}/disconnect`,
    body: (args) => ({ reconnect: args.flag('reconnect') }),
    word: 'USER',
    isFinal: true,
  },
  revoke: {
    help: 'revoke tokens: --jti ID, --user NAME, --issued-before TIME; --ttl says how long it is remembered',
    method: 'POST',
    path: () => '/admin/tokens/revoke',
    body: (args) => revocation(args),
  },
};

export const emergency: Command = {
  name: 'emergency',
  summary: 'Steers a running server: read-only mode, admission, limits, notifications, revocation.',
  usage: 'ACTION [WORD] [--ttl 10m] [--dry-run] [--url URL]',
  positionals: 2,
  notes: [
    'actions:',
    `  ${'status'.padEnd(20)}list what is in force now, per node: mode, rates, levels, revocations, traced topics`,
    ...Object.entries(ACTIONS).map(([name, { word = '', help }]) => `  ${`${name} ${word}`.padEnd(20)}${help}`),
  ],
  options: {
    ttl: { type: 'string', value: 'TIME', help: 'the change reverts by itself after this: 30s, 15m, 1h, 7d' },
    'dry-run': { type: 'boolean', help: 'say how many connections and messages per second it would touch' },
    'connection-rps': { type: 'string', value: 'N', help: 'frames per second of a connection' },
    'user-rps': { type: 'string', value: 'N', help: 'frames per second of a user' },
    'global-rps': { type: 'string', value: 'N', help: 'frames per second of a node' },
    level: { type: 'string', value: 'LEVEL', help: 'of a broadcast: info, warning, error, critical' },
    reconnect: { type: 'boolean', help: 'of a disconnect: the clients may come back' },
    jti: { type: 'string', value: 'ID', help: 'revoke this token' },
    user: { type: 'string', value: 'NAME', help: "revoke this user's tokens issued until now" },
    tenant: { type: 'string', value: 'NAME', help: 'the tenant of --user' },
    'issued-before': { type: 'string', value: 'TIME', help: 'revoke what was issued before this (ISO 8601)' },
    node: { ...NODES_OPTION, help: 'of status: only this node (default: all)' },
    ...ADMIN_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const [name = '', word = ''] = args.positionals;
    if (name === 'status') return status(args, word);
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined)
      throw new UsageError(`expected one of ${Object.keys(ACTIONS).join(', ')}, status, got ${JSON.stringify(name)}`);
    if ((action.word !== undefined) !== (word !== ''))
      throw new UsageError(`expected ${name} ${action.word ?? 'and no further word'}, got ${JSON.stringify(word)}`);
    const ttl = args.text('ttl');
    if (ttl !== undefined && action.isFinal === true) throw new UsageError(`expected no --ttl: ${name} cannot revert`);
    const body = {
      ...action.body(args, word),
      ...(ttl !== undefined && { ttl_secs: readDuration(ttl, '--ttl') }),
      ...(args.flag('dry-run') && { dry_run: true }),
    };
    return show(args, await ask(args, action.method, action.path(word), body), describeChange);
  },
};

async function status(args: Arguments, word: string): Promise<ExitCode> {
  if (word !== '') throw new UsageError(`expected status and no further word, got ${JSON.stringify(word)}`);
  const answer = await ask(args, 'GET', `/admin/emergency-status?${ofNodes(args).toString()}`);
  return show(args, answer, statusText, isIncomplete);
}

/** What a command did on each node, in lines. */
export function describeChange(body: Readonly<Record<string, unknown>>): string {
  const nodes = body['nodes'] as readonly { node: string; applied: boolean; connections: number; problem?: string }[];
  const isDry = body['dry_run'] === true;
  const head = isDry ? 'would touch' : 'done:';
  const done = (applied: boolean): string => (isDry ? 'would be applied' : applied ? 'applied' : 'not applied');
  const until = typeof body['until'] === 'string' ? `, until ${body['until']}` : '';
  const lines = nodes.map(
    ({ node, applied, connections, problem }) => `  ${node}: ${problem ?? done(applied)}, ${connections} connections`,
  );
  return [
    `${String(body['command'])}: ${head} ${String(body['connections'])} connections, ${String(body['messages_per_second'])} messages per second${until}`,
    ...lines,
  ].join('\n');
}

function rates(args: Arguments): Readonly<Record<string, unknown>> {
  const fields = ['connection-rps', 'user-rps', 'global-rps'].flatMap((flag) => {
    const text = args.text(flag);
    if (text === undefined) return [];
    if (!/^\d+(\.\d+)?$/.test(text))
      throw new UsageError(`expected --${flag} to be a number, got ${JSON.stringify(text)}`);
    return [[flag.replace('-', '_'), Number(text)] as const];
  });
  if (fields.length === 0) throw new UsageError('expected --connection-rps, --user-rps or --global-rps');
  return Object.fromEntries(fields);
}

function revocation(args: Arguments): Readonly<Record<string, unknown>> {
  const [jti, user, tenant, before] = ['jti', 'user', 'tenant', 'issued-before'].map((flag) => args.text(flag));
  if ((jti ?? user ?? before) === undefined) throw new UsageError('expected --jti, --user or --issued-before');
  const at = before === undefined ? undefined : Date.parse(before) / 1_000;
  if (Number.isNaN(at)) throw new UsageError(`expected --issued-before like 2026-01-31T12:00:00Z, got ${before ?? ''}`);
  return { ...(jti && { jti }), ...(user && { user }), ...(tenant && { tenant }), ...(at && { issued_before: at }) };
}
