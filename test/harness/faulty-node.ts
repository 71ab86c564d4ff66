/** A node as a process of its own, with handlers and Routes that do what a fault would: run by test/hostile/faults.test.ts. */
import { startNode } from '../../src/cli/wiring.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { FrameHandler } from '../../src/connection/context.ts';
import type { Route } from '../../src/node/route.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
const { config } = loadConfig({ files: [], environment: {}, flags: new Map(Object.entries(settings)) });

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const ok = { status: 200, body: {} };
const realNow = Date.now;
const routes: Route[] = [
  {
    method: 'POST',
    path: '/fault/block/:ms',
    handle: ({ parameters }) => {
      block(Number(parameters['ms']));
      return ok;
    },
  },
  {
    // The wall clock steps; the monotonic one, by which the node counts, does not.
    method: 'POST',
    path: '/fault/clock/:ms',
    handle: ({ parameters }) => {
      Date.now = () => realNow() + Number(parameters['ms']);
      return ok;
    },
  },
  {
    method: 'POST',
    path: '/fault/route',
    handle: () => {
      throw new Error('a route that throws \u001b[31m');
    },
  },
];

const throws: FrameHandler = {
  writes: false,
  handle: () => {
    throw new Error(`a handler that throws \u001b[31m${'x'.repeat(50_000)}`);
  },
};
const rejects: FrameHandler = { writes: false, handle: () => Promise.reject(new Error('a handler that rejects')) };
const never: FrameHandler = { writes: false, handle: () => new Promise(() => {}) };

const frameHandlers = new Map([
  ['X-Throw', throws],
  ['X-Reject', rejects],
  ['X-Never', never],
]);
const running = await startNode({
  config,
  onEnd: () => process.exit(70),
  extensions: { frameHandlers, routes },
});
running.logs.room('cli').info('Serving', { port: running.port });
process.on('SIGTERM', () => {
  void running.stop().then(() => process.exit(0));
});
