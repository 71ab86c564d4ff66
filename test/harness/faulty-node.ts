/** A node as a process of its own, with an application that does what a fault would: run by test/hostile/faults.test.ts. */
import { loadApps } from '../../src/apps/load.ts';
import { startNode } from '../../src/cli/wiring.ts';
import { loadConfig } from '../../src/config/load.ts';
import { appOf } from './apps.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const realNow = Date.now;
const ok = { body: {} };

const fault = appOf('fault', (host) => {
  const route = (path: string, handle: (ms: number) => typeof ok): ReturnType<typeof host.route> =>
    host.route({
      method: 'POST',
      path: `/apps/fault/${path}`,
      access: 'public',
      summary: 'A fault.',
      handle: ({ parameters }) => handle(Number(parameters['ms'])),
    });
  return {
    routes: [
      route('block/:ms', (ms) => {
        block(ms);
        return ok;
      }),
      // The wall clock steps; the monotonic one, by which the node counts, does not.
      route('clock/:ms', (ms) => {
        Date.now = () => realNow() + ms;
        return ok;
      }),
      route('route', () => {
        throw new Error('a route that throws \u001b[31m');
      }),
    ],
    frames: {
      'X-Throw': host.frame({
        schema: (z) => z.unknown(),
        writes: false,
        handle: () => {
          throw new Error(`a handler that throws \u001b[31m${'x'.repeat(50_000)}`);
        },
      }),
      'X-Reject': host.frame({
        schema: (z) => z.unknown(),
        writes: false,
        handle: () => Promise.reject(new Error('a handler that rejects')),
      }),
      'X-Never': host.frame({ schema: (z) => z.unknown(), writes: false, handle: () => new Promise(() => {}) }),
    },
  };
});

const loaded = loadConfig({ files: [], environment: {}, flags: new Map(Object.entries(settings)) });
const { config, apps } = await loadApps(loaded, {}, [fault]);
const running = await startNode({ config, apps, onEnd: () => process.exit(70) });
running.logs.room('cli').info('Serving', { port: running.port });
process.on('SIGTERM', () => {
  void running.stop().then(() => process.exit(0));
});
