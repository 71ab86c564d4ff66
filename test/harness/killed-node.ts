/**
 * A node of conversations, and of media where that has settings, as a process of its own, which kills itself: when
 * `POST /apps/killer/arm/N` was called, at its N-th step from then on. A step is the moment before or behind something that
 * others can see: a statement, a commit, a word to a topic or to a user.
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { App, Host } from '../../src/apps/app.ts';
import type * as Conversations from '../../src/apps/conversations/app.ts';
import type { Settings } from '../../src/apps/conversations/settings.ts';
import type * as Load from '../../src/apps/load.ts';
import type * as Media from '../../src/apps/media/app.ts';
import type * as Wiring from '../../src/cli/wiring.ts';
import type * as LoadConfig from '../../src/config/load.ts';
import type * as Sessions from '../../src/database/postgresql-session.ts';

const [settingsText = '{}', built = ''] = process.argv.slice(2);
// Compiled: stripping the types of all sources would be most of a start, and there are twenty of these.
const from = async <Module>(file: string): Promise<Module> =>
  (await import(pathToFileURL(join(built, file)).href)) as Module;
const { loadApps } = await from<typeof Load>('apps/load.js');
const { startNode } = await from<typeof Wiring>('cli/wiring.js');
const { loadConfig } = await from<typeof LoadConfig>('config/load.js');
const { app: conversations } = await from<typeof Conversations>('apps/conversations/app.js');
const { app: media } = await from<typeof Media>('apps/media/app.js');
const { PostgresqlSession } = await from<typeof Sessions>('database/postgresql-session.js');

const settings = JSON.parse(settingsText) as Record<string, string>;

/** What a node looks at once a second, whether anybody does anything or not. */
const LOOKS = /make_interval/;
const WRITES = /^\s*(?:with|insert|update|delete)\b/i;

/** What commits takes at least as long, as on a slow disc: a confirmation that does not wait for it gets out before the kill. */
const SLOW_MS = 30;

let steps = 0;
let last = 0;

function step(): void {
  if (last === 0) return;
  steps += 1;
  // Nothing behind this line runs: the signal is there when the call returns.
  if (steps === last) process.kill(process.pid, 'SIGKILL');
}

async function between<T>(work: () => Promise<T>): Promise<T> {
  step();
  const answer = await work();
  step();
  return answer;
}

async function committing<T>(work: () => Promise<T>): Promise<T> {
  if (last !== 0) await setTimeout(SLOW_MS);
  return between(work);
}

// oxlint-disable-next-line typescript/unbound-method -- each is called on its session
const { query, begin, commit } = PostgresqlSession.prototype;
PostgresqlSession.prototype.query = function counted(text, values) {
  const own = (): ReturnType<typeof query> => query.call(this, text, values);
  if (LOOKS.test(text)) return own();
  return WRITES.test(text) ? committing(own) : between(own);
};
PostgresqlSession.prototype.begin = function counted(mode) {
  return between(() => begin.call(this, mode));
};
PostgresqlSession.prototype.commit = function counted() {
  return committing(() => commit.call(this));
};

function countedHost(host: Host): Host {
  return {
    ...host,
    publish: (...given) => between(() => host.publish(...given)),
    directMessage: (...given) => between(() => host.directMessage(...given)),
    withdraw: (...given) => between(() => host.withdraw(...given)),
  };
}

const counted: App<Settings> = {
  ...conversations,
  start: (host, given) => conversations.start(countedHost(host), given),
};

const killer: App = {
  name: 'killer',
  start: (host) => ({
    routes: [
      host.route({
        method: 'POST',
        path: '/apps/killer/arm/:step',
        access: 'public',
        summary: 'Counts from now on, and ends the process at this step.',
        handle: ({ parameters }) => {
          steps = 0;
          last = Number(parameters['step']);
          return { body: {} };
        },
      }),
      host.route({
        method: 'GET',
        path: '/apps/killer/steps',
        access: 'public',
        summary: 'How many steps there were.',
        handle: () => ({ body: { steps } }),
      }),
    ],
  }),
};

const loaded = loadConfig({ files: [], environment: {}, flags: new Map(Object.entries(settings)) });
const wantsMedia = Object.keys(settings).some((key) => key.startsWith('apps.media.'));
const { config, apps } = await loadApps(loaded, {}, [counted, killer, ...(wantsMedia ? [media] : [])]);
const running = await startNode({ config, apps, onEnd: () => process.exit(70) });
running.logs.room('cli').info('Serving', { port: running.port });
process.on('SIGTERM', () => {
  void running.stop().then(() => process.exit(0));
});
