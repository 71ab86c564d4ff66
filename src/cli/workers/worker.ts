/** A worker: a node like any other, but its configuration comes from its parent, and its parent says when it ends. */
import { loadApps } from '../../apps/load.ts';
import { AppsError } from '../../apps/run.ts';
import { ConfigError } from '../../config/config-error.ts';
import type { Config } from '../../config/schema.ts';
import { authorize, type HttpRequest, type Verdict } from '../../node/route.ts';
import type { StopOptions } from '../node/stop.ts';
import { BUILT_IN } from '../built-in-apps.ts';
import { endOnUnhandledRejection } from '../unhandled.ts';
import { startNode, type RunningNode } from '../wiring.ts';
import type { Call, ForwardedRequest, FromWorker, ToWorker } from './messages.ts';

let started: Promise<RunningNode> | null = null;
let isEnding = false;

// Ctrl-C goes to all processes of a terminal: who drains when is for the parent to say. SIGUSR1 would open the inspector.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => {});
// A parent that is gone can start nobody again and report nothing: the port must be free for the next one.
process.on('disconnect', () => void end({ listenerFirst: true }, 0));
process.on('message', (message: ToWorker) => {
  if (message.kind === 'start') started ??= start(message.config);
  else if (message.kind === 'drain') void end(message, 0);
  else void reply(message.id, message.call);
});

async function start(config: Config): Promise<RunningNode> {
  try {
    // The parent has read everything; what it cannot hand down are the modules themselves.
    const texts = { variables: new Map<string, string>(), flags: new Map<string, string>() };
    const { apps } = await loadApps({ config, origins: new Map(), appTexts: texts }, BUILT_IN);
    const running = await startNode({ config, apps, onEnd: ended, isWorker: true });
    endOnUnhandledRejection(running.logs);
    running.logs.room('cli').info('Worker serves', { port: running.port, pid: process.pid });
    tell({ kind: 'serving' });
    return running;
  } catch (error) {
    // Problems of applications and of the configuration say all themselves.
    const isTold = error instanceof AppsError || error instanceof ConfigError;
    const shown = error instanceof Error && !isTold ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${shown}\n`);
    return process.exit(1);
  }
}

function ended(reason: 'fatal' | 'drain'): void {
  if (reason === 'drain') tell({ kind: 'leaving' });
  void end({ listenerFirst: true }, reason === 'drain' ? 0 : 1);
}

async function end(options: StopOptions, code: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  const running = await started;
  if (running === null) process.exit(code);
  running.logs.room('cli').info('Worker stops', { connections: running.node.connections.length });
  await running.stop(options);
  const metrics = await running.metrics.snapshot();
  if (process.connected) await new Promise<void>((resolve) => tell({ kind: 'last', metrics }, resolve));
  process.exit(code);
}

async function reply(id: number, call: Call): Promise<void> {
  try {
    tell({ kind: 'answer', id, value: await answer(call) });
  } catch (error) {
    tell({ kind: 'failed', id, problem: error instanceof Error ? error.message : String(error) });
  }
}

async function answer(call: Call): Promise<unknown> {
  if (call.what === 'ping') return null;
  const running = await started;
  if (running === null) throw new Error('the worker was not told to start');
  if (call.what === 'metrics') return running.metrics.snapshot();
  const route = running.routes.find((it) => it.method === call.request.method && it.path === call.route);
  if (route === undefined) throw new Error(`expected a route of the worker, got ${call.request.method} ${call.route}`);
  const request = receivedBy(call.request);
  const verdict = await new Promise<Verdict>((resolve) => {
    authorize(route, request, resolve);
  });
  if ('answer' in verdict) return verdict.answer;
  return call.what === 'authorize' ? null : verdict.handle(request);
}

function receivedBy(request: ForwardedRequest): HttpRequest {
  const { headers, query } = request;
  return { ...request, query: new URLSearchParams(query), header: (name) => headers[name] };
}

function tell(message: FromWorker, sent: () => void = () => {}): void {
  // The channel may close under the call: the parent's end is noticed above.
  if (process.connected) process.send?.(message, undefined, undefined, sent);
  else sent();
}
