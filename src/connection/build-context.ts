/** Puts together what the connections of a node share: the same way for a server, for tests and for the simulator. */
import { TokenBucket, type Rate } from '../limits/token-bucket.ts';
import { UserLimits } from '../limits/user-limits.ts';
import { Router, type RouterOptions } from '../router/router.ts';
import type { Log } from '../telemetry/log.ts';
import { Backlog } from './backlog.ts';
import type { ConnectionContext } from './context.ts';
import { Flusher, type FlusherOptions } from './flusher.ts';
import { LastErrors } from './last-errors.ts';
import { ReadingTurns } from './reading-turns.ts';
import { TurnGuard } from './turn-guard.ts';

/** What is built here, because its parts must know each other. */
type Built =
  | 'router'
  | 'flusher'
  | 'backlog'
  | 'turnGuard'
  | 'lastErrors'
  | 'readingTurns'
  | 'users'
  | 'nodeBucket'
  | 'underWay'
  | 'pending';

/** The ports of a node, and what the node says of itself. */
export type ContextPorts = Omit<ConnectionContext, Built>;

export interface ContextSettings {
  readonly flushing: FlusherOptions;
  readonly routing: RouterOptions;
  /** Bytes of all mailboxes together. */
  readonly mailboxesBytes: number;
  readonly userRate: Rate;
  readonly connectionsPerUser: number;
  readonly nodeRate: Rate;
}

/** The parts that the simulator replaces by broken ones, to prove that it notices. */
export interface ContextParts {
  readonly router: (...args: ConstructorParameters<typeof Router>) => Router;
  readonly backlog: (...args: ConstructorParameters<typeof Backlog>) => Backlog;
}

export const CONTEXT_PARTS: ContextParts = {
  router: (...args) => new Router(...args),
  backlog: (...args) => new Backlog(...args),
};

export function buildContext(
  ports: ContextPorts,
  settings: ContextSettings,
  routerLog: Log,
  parts: ContextParts = CONTEXT_PARTS,
): ConnectionContext {
  const { broker, clock, scheduler } = ports;
  const flusher = new Flusher(settings.flushing, clock, scheduler);
  const router = parts.router(settings.routing, broker, flusher, clock, routerLog);
  const backlog = parts.backlog(settings.mailboxesBytes);
  flusher.serve(router, backlog);
  const turnGuard = new TurnGuard(scheduler);
  return {
    ...ports,
    router,
    flusher,
    backlog,
    turnGuard,
    lastErrors: new LastErrors(),
    readingTurns: new ReadingTurns(turnGuard, clock, scheduler),
    users: new UserLimits(settings.userRate, settings.connectionsPerUser),
    nodeBucket: new TokenBucket(settings.nodeRate),
    underWay: new Map(),
    pending: new Set(),
  };
}
