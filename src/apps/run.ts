/** Starts the applications of a node, puts together what they give, and ends them. */
import type { DeadLetters } from '../actor/dead-letters.ts';
import type { Callers as CallersPort } from '../auth/callers.ts';
import type { Problem } from '../config/problem.ts';
import type { FrameHandler } from '../connection/context.ts';
import type { AppDeadLetters, RunningDeadLetters } from '../node/app-dead-letters.ts';
import type { AppStages, StagesOfApps } from '../node/app-stages.ts';
import type { AppDialect } from '../node/app-dialect.ts';
import type { ApplicationRoute } from '../node/application-route.ts';
import type { EventTable } from '../node/event-table.ts';
import { isRefusal, quote } from '../protocol/errors.ts';
import type { Scheduler } from '../telemetry/clock.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import type { App, Health, Host, Parts, ReachedStage } from './app.ts';
import { callersPort } from './callers.ts';
import { Calls, type Called } from './calls.ts';
import { partsProblems } from './check-parts.ts';
import { appDialect } from './dialects.ts';
import { frameHandler } from './frames.ts';
import { HookEvents } from './hooks.ts';
import { hostOf, STAGE } from './host.ts';
import type { HostPorts } from './host-ports.ts';
import type { LoadedApp } from './loaded.ts';
import { Owners, topicOwner } from './owners.ts';
import { applicationRoute } from './routes.ts';
import { inOrder } from './uses.ts';

export interface AppPorts extends HostPorts {
  readonly counters: Counters;
  readonly deadLetters: DeadLetters;
  readonly log: (app: string) => Log;
  readonly limits: {
    readonly deadlineMs: number;
    readonly decisionTimeoutMs: number;
    readonly blockingMs: number;
  };
  /** Routes of the server, which nobody may take. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
}

export interface RunningApps {
  readonly frames: ReadonlyMap<string, FrameHandler>;
  readonly routes: readonly ApplicationRoute[];
  /** Of Socket.IO, each of another namespace. */
  readonly eventTables: readonly EventTable[];
  readonly dialects: readonly AppDialect[];
  /** `null` when no application owns a topic. */
  readonly owners: Owners | null;
  /** `null` when no application has hooks. */
  readonly events: HookEvents | null;
  /** `null` when no application knows of callers. */
  readonly callers: CallersPort | null;
  readonly deadLetters: AppDeadLetters;
  readonly stagesOf: StagesOfApps;
  /** By application; those that say nothing of themselves are missing. */
  health(): Readonly<Record<string, Health>>;
  /** @param graceMs milliseconds for their ends */
  stop(graceMs: number): Promise<void>;
}

interface Running {
  readonly app: string;
  readonly uses: readonly string[];
  readonly parts: Parts;
  readonly places: readonly string[];
  readonly ephemeral: readonly string[] | undefined;
  readonly calls: Calls;
  readonly log: Log;
}

/** A start may have to wait for a database; one that never ends is a fault. */
const START_MS = 60_000;
/** Stages of one message and application that are shown. */
const MAX_STAGES = 40;

/** Why the applications did not start: all that is wrong, by name. */
export class AppsError extends Error {
  override readonly name = 'AppsError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ key, expected, got }) => `\n  ${key}: expected ${expected}, got ${got}`);
    super(`the applications have ${problems.length} problem${problems.length === 1 ? '' : 's'}:${lines.join('')}`);
    this.problems = problems;
  }
}

/** @throws AppsError when one does not start, or what they give does not go together; nothing of them runs then */
export async function startApps(loaded: readonly LoadedApp[], ports: AppPorts): Promise<RunningApps> {
  const problems: Problem[] = [];
  const running: Running[] = [];
  for (const round of inOrder(loaded.map((it) => ({ ...it, name: it.app.name, uses: it.app.uses ?? [] })))) {
    const offers = new Map(running.map(({ app, parts }) => [app, parts.offers]));
    const started = await Promise.all(round.map((it) => start(it, ports, offers, problems)));
    running.push(...started.flatMap((it) => it ?? []));
    // Those of later rounds may use one of these.
    if (problems.length > 0) break;
  }
  problems.push(...partsProblems(running, ports.routes));
  const built = attempt(() => build(running, ports), problems);
  if (built !== null && problems.length === 0) return built;
  await stopAll(running, ports.limits.deadlineMs);
  throw new AppsError(problems);
}

async function start(
  { app, settings }: LoadedApp,
  ports: AppPorts,
  offers: ReadonlyMap<string, object | undefined>,
  problems: Problem[],
): Promise<Running | null> {
  const { scheduler } = ports.context;
  const log = ports.log(app.name);
  const calls = new Calls(app.name, { ...ports, ...ports.limits, clock: ports.context.clock, scheduler }, log);
  const key = `apps.${app.name}`;
  const phase = { isStarting: true };
  const given = app.presence === true ? ports : { ...ports, presence: null };
  try {
    const parts: unknown = await within(scheduler, START_MS, async () =>
      app.start(
        hostOf(calls, log, { ...given, used: usedBy(app, offers), queue: queueOf(app, ports.queue) }, phase),
        settings,
      ),
    );
    if (typeof parts === 'object' && parts !== null)
      return {
        app: app.name,
        uses: app.uses ?? [],
        parts,
        places: app.places ?? [],
        ephemeral: app.ephemeral,
        calls,
        log,
      };
    problems.push({ key, expected: 'start to give an object with parts', got: String(parts) });
  } catch (error) {
    log.error('Application did not start', { error: error instanceof Error ? error.stack : String(error) });
    problems.push({ key, expected: 'an application that starts', got: String(error) });
  } finally {
    phase.isStarting = false;
  }
  return null;
}

function build(running: readonly Running[], ports: AppPorts): RunningApps {
  const { deadlineMs, decisionTimeoutMs } = ports.limits;
  const owners = new Owners();
  const events = new HookEvents({
    scheduler: ports.context.scheduler,
    deadlineMs,
    decisionTimeoutMs,
    dropped: ports.counters.appHooksDropped,
  });
  for (const { parts, calls } of running) {
    for (const topics of parts.topics ?? []) owners.add(topics.pattern, topicOwner(topics, calls, deadlineMs));
    if (parts.hooks !== undefined) events.add(parts.hooks, calls);
  }
  const frames = running.flatMap(({ parts, calls }) =>
    Object.entries(parts.frames ?? {}).map(
      ([type, frame]) => [type, named(calls.app, type, () => frameHandler(type, frame, calls, deadlineMs))] as const,
    ),
  );
  const routes = running.flatMap(({ parts, calls }) =>
    (parts.routes ?? []).map((route) =>
      named(calls.app, `${route.method} ${route.path}`, () => applicationRoute(calls.app, route, calls, deadlineMs)),
    ),
  );
  const hasHooks = running.some(({ parts }) => parts.hooks !== undefined);
  return {
    frames: new Map(frames),
    routes,
    eventTables: running.flatMap(({ parts }) => parts.socketio ?? []),
    dialects: running.flatMap(({ parts, calls }) =>
      (parts.dialects ?? []).map((dialect) => appDialect(dialect, calls, decisionTimeoutMs)),
    ),
    owners: owners.size === 0 ? null : owners,
    events: hasHooks ? events : null,
    callers: running.map((it) => callersOf(it, deadlineMs)).find((it) => it !== null) ?? null,
    deadLetters: new Map(running.flatMap((it) => deadLettersOf(it, deadlineMs))),
    stagesOf: (id) => stagesOf(running, id, deadlineMs),
    health: () => Object.fromEntries(running.flatMap(healthOf)),
    stop: async (graceMs) => {
      const endsAt = ports.context.clock.elapsed() + graceMs;
      await within(ports.context.scheduler, graceMs, () => events.settled()).catch(() => {});
      await stopAll(running, Math.max(0, endsAt - ports.context.clock.elapsed()));
    },
  };
}

function callersOf({ parts: { callers }, calls }: Running, deadlineMs: number): CallersPort | null {
  return callers === undefined ? null : callersPort(callers, calls, deadlineMs);
}

function deadLettersOf({ app, parts, calls }: Running, deadlineMs: number): [string, RunningDeadLetters][] {
  const { deadLetters } = parts;
  if (deadLetters === undefined) return [];
  const called = (name: string): Called => ({ part: 'dead letters', name, deadlineMs });
  const list = (limit: number): ReturnType<RunningDeadLetters['list']> =>
    calls.ask(called('list'), () => deadLetters.list(limit));
  const replay = (ids: readonly string[] | null): void =>
    calls.run<unknown>(
      called('replay'),
      () => deadLetters.replay(ids),
      () => {},
    );
  return [[app, { list, replay }]];
}

/** An application that says something else than stages loses those alone: an operator looks at the rest. */
async function stagesOf(running: readonly Running[], id: string, deadlineMs: number): Promise<AppStages> {
  const reached: Record<`${string}.${string}`, number> = {};
  const of = running.flatMap(({ app, parts: { stages }, calls }) =>
    stages === undefined ? [] : [{ app, stages, calls }],
  );
  await Promise.all(
    of.map(async ({ app, stages, calls }) => {
      const told = await calls.ask({ part: 'stages', name: 'stages', deadlineMs }, () => stages(id));
      if (!Array.isArray(told)) return;
      for (const { stage, at } of (told as readonly ReachedStage[]).slice(0, MAX_STAGES))
        if (STAGE.test(stage) && Number.isFinite(at)) reached[`${app}.${stage}`] ??= at;
    }),
  );
  return reached;
}

/** A schema that throws is told with the name of its application and its part. */
function named<T>(app: string, what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Error(`${app}: ${what}: ${String(error)}`, { cause: error });
  }
}

function attempt(make: () => RunningApps, problems: Problem[]): RunningApps | null {
  try {
    return make();
  } catch (error) {
    problems.push({ key: 'apps', expected: 'schemas that can be made', got: String(error) });
    return null;
  }
}

function healthOf({ app, parts, calls }: Running): readonly (readonly [string, Health])[] {
  const { health } = parts;
  if (health === undefined) return [];
  let answer: Health = { status: 'unhealthy', detail: 'it did not say how it is' };
  calls.run<Health>({ part: 'health', name: 'health', deadlineMs: null }, health, (said) => {
    answer = isRefusal(said) ? { status: 'unhealthy', detail: 'asking it failed: see the dead letters' } : said;
  });
  return [[app, answer]];
}

/** Those first that use others: what they still have to do is done by these. */
async function stopAll(running: readonly Running[], graceMs: number): Promise<void> {
  const rounds = inOrder(running.map((it) => ({ ...it, name: it.app })));
  for (const round of rounds.toReversed())
    await Promise.all(
      round.map(async ({ parts, calls }) => {
        if (parts.stop !== undefined) await calls.ask({ part: 'stop', name: 'stop', deadlineMs: graceMs }, parts.stop);
      }),
    );
}

/** What an application is given of those that it uses. */
function usedBy({ name, uses = [] }: App, offers: ReadonlyMap<string, object | undefined>): Host['used'] {
  return (app) => {
    const offered = uses.includes(app) ? offers.get(app) : undefined;
    if (offered !== undefined) return offered;
    throw new RangeError(
      uses.includes(app)
        ? `used ${quote(app)}: it offers nothing`
        : `used ${quote(app)}: expected a name in uses of ${name}, which has ${uses.join(', ') || 'none'}`,
    );
  };
}

/** Those alone that it names: a name that is misspelt makes no queue. */
function queueOf({ name, queues: { names } = { names: [] } }: App, all: Host['queue']): Host['queue'] {
  return (queue) => {
    if (names.includes(queue)) return all(queue);
    throw new RangeError(
      `queue ${quote(queue)}: expected a name in queues of ${name}, which has ${names.join(', ') || 'none'}`,
    );
  };
}

function within<T>(scheduler: Scheduler, ms: number, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = scheduler.after(ms, () => reject(new Error(`expected it to be done within ${ms} ms`)));
    work()
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}
