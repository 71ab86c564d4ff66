/** `signalbox serve`: runs a node until it is told to stop. */
import { totalmem } from 'node:os';
import { SignJWT } from 'jose';
import type { Config } from '../config/schema.ts';
import type { Command, ExitCode } from './command.ts';
import { CONFIG_OPTIONS, loadFromArguments } from './config-options.ts';
import { startNode, type RunningNode } from './wiring.ts';

const FATAL = 'the node cannot go on';

export const serve: Command = {
  name: 'serve',
  summary: 'Runs a node until SIGTERM or SIGINT; then it drains and exits 0.',
  usage: '[--profile development] [--port PORT]',
  positionals: 0,
  options: CONFIG_OPTIONS,
  async run(args): Promise<ExitCode> {
    const { config } = loadFromArguments(args);
    const ending = new AbortController();
    const running = await startNode(config, (reason) =>
      ending.abort(reason === 'fatal' ? FATAL : 'an operator told it to drain'),
    );
    const log = running.logs.room('cli');
    process.once('exit', () => running.logs.flush());
    process.on('unhandledRejection', (reason) => {
      log.error('A promise was rejected and nobody looked: this is a bug', {
        error: reason instanceof Error ? reason.stack : String(reason),
      });
      process.exit(1);
    });
    log.info('Serving', {
      port: running.port,
      host: config.server.host,
      profile: config.profile,
      broker: running.storage.name,
    });
    reportMemory(config, running);
    if (config.profile === 'development' && config.auth.jwt_secret !== undefined) await welcome(config, running.port);
    const reason = await waitForEnd(ending.signal);
    log.info('Stopping', { reason, connections: running.node.connections.length });
    await running.stop();
    log.info('Stopped', {});
    return ending.signal.reason === FATAL ? 1 : 0;
  },
};

/** Resolves with the first signal. A second one ends the process at once. */
function waitForEnd(fatal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    let isEnding = false;
    const end = (reason: string): void => {
      if (isEnding) process.exit(1);
      isEnding = true;
      resolve(reason);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    fatal.addEventListener('abort', () => end(String(fatal.reason)));
  });
}

/** What the bounds add up to, beside what the machine has: nobody should find out at night. */
function reportMemory({ actor_system: actors, topics, websocket }: Config, { logs }: RunningNode): void {
  const mebibytes = (bytes: number): number => Math.round(bytes / 1_048_576);
  const limit = process.constrainedMemory() > 0 ? Math.min(process.constrainedMemory(), totalmem()) : totalmem();
  // Tails are bounded by the total of the mailboxes, since the mailboxes are ranges of them.
  const worst = topics.total_bytes + actors.mailboxes_total_bytes + websocket.max_connections * 3_000;
  const fields = {
    logs_mib: mebibytes(topics.total_bytes),
    mailboxes_mib: mebibytes(actors.mailboxes_total_bytes),
    connections: websocket.max_connections,
    worst_case_mib: mebibytes(worst),
    memory_limit_mib: mebibytes(limit),
  };
  if (worst > limit)
    logs.room('cli').warn('The configured bounds exceed the memory of this machine or container', fields);
  else logs.room('cli').info('Memory bounds', fields);
}

async function welcome(config: Config, port: number): Promise<void> {
  const secret = new TextEncoder().encode(config.auth.jwt_secret);
  const sign = (user: string, roles: string[]): Promise<string> =>
    new SignJWT({ roles })
      .setProtectedHeader({ alg: config.auth.algorithms.find((name) => name.startsWith('HS')) ?? 'HS256' })
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime('24h')
      .sign(secret);
  const [user, admin] = await Promise.all([sign('alice', ['user']), sign('admin', ['user', 'admin'])]);
  const url = `ws://localhost:${port}/ws`;
  process.stdout.write(`
  Signalbox is ready at ${url} (metrics: http://localhost:${port}/metrics)

  user token (alice, 24 h):
  ${user}

  admin token (24 h):
  ${admin}

  try it:
  npx wscat -c "${url}?token=${user}"
  > {"type":"Subscribe","id":"1","data":{"topics":["chat.lobby"]}}
  > {"type":"Broadcast","id":"2","data":{"topic":"chat.lobby","payload":"hello"}}

  Ctrl-C drains and stops.

`);
}
