/** `signalbox serve`: runs a node, or several that share the port, until it is told to stop. */
import type { Command, ExitCode } from './command.ts';
import { reportClosedTopics } from './closed-topics.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { loadWithApps } from './config-options.ts';
import { keepThroughHangup } from './early-signals.ts';
import { reportMemory } from './memory-bounds.ts';
import { endOnUnhandledRejection } from './unhandled.ts';
import { waitForEnd } from './wait-for-end.ts';
import { welcome } from './welcome.ts';
import { startNode } from './wiring.ts';

const FATAL = 'the node cannot go on';

export const serve: Command = {
  name: 'serve',
  summary: 'Runs a node until SIGTERM, SIGINT or SIGHUP; then it drains and exits 0.',
  usage: '[--profile development] [--port PORT] [--workers N]',
  positionals: 0,
  options: {
    workers: {
      type: 'string',
      value: 'N',
      help: 'same as --set server.workers=N: N processes share the port; needs redis.url and admin.port',
    },
    ...CONFIG_OPTIONS,
  },
  notes: [
    'With --workers a parent process starts N nodes that share the port, starts them again when they crash, drains them one after the other',
    'on SIGTERM, and replaces them one after the other, with the configuration read anew, on SIGHUP. It serves /health, /metrics and /admin',
    'for all of them on admin.port.',
  ],
  async run(args): Promise<ExitCode> {
    const { config, apps } = await loadWithApps(args);
    if (config.server.workers > 1) {
      keepThroughHangup();
      const { serveWorkers } = await import('./workers/serve-workers.ts');
      return serveWorkers(config, async () => (await loadWithApps(args)).config);
    }
    const ending = new AbortController();
    const running = await startNode({
      config,
      apps,
      onEnd: (reason) => ending.abort(reason === 'fatal' ? FATAL : 'an operator told it to drain'),
    });
    const log = running.logs.room('cli');
    endOnUnhandledRejection(running.logs);
    log.info('Serving', {
      port: running.port,
      host: config.server.host,
      profile: config.profile,
      broker: running.storage.name,
      ...(apps.length === 0 ? {} : { apps: apps.map(({ app }) => app.name) }),
    });
    reportMemory(config, log);
    const ended = waitForEnd(ending.signal, ['SIGTERM', 'SIGINT', 'SIGHUP']);
    reportClosedTopics(config, log);
    await welcome(config, running.port);
    const reason = await ended;
    log.info('Stopping', { reason, connections: running.node.connections.length });
    await running.stop();
    log.info('Stopped', {});
    return ending.signal.reason === FATAL ? 1 : 0;
  },
};
