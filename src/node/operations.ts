/** Carries operators' commands out on this node, and says what each touches. */
import type { Authenticator } from '../auth/authenticator.ts';
import type { Connection } from '../connection/connection.ts';
import { orderSubscriptions } from '../connection/ordered.ts';
import { notificationFrame } from '../connection/replies.ts';
import { closeServed } from '../connection/serve-out.ts';
import type { ArgumentsOf, Command, CommandName, Outcome } from '../control/command.ts';
import type { Rate } from '../limits/token-bucket.ts';
import { quote } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { Log } from '../telemetry/log.ts';
import { BACKEND_CLOSE_CODES } from '../protocol/close-codes.ts';
import { announce } from './announce.ts';
import { connectionsMeant, lastingConnections } from './backend-orders.ts';
import { changeRights, touchedBy } from './change-rights.ts';
import type { Node } from './node.ts';
import { Reversions } from './reversions.ts';
import { Traffic } from './traffic.ts';

export interface OperationParts {
  readonly authenticator: Authenticator;
  /** Sets the levels of the log and returns the way back. @throws when a level is unknown */
  readonly setLogLevels: (text: string) => () => void;
  /** The levels that hold now, in the form of logging.level. */
  readonly logLevels: () => string;
  /** Begins the end of the process: the same as SIGTERM. */
  readonly drain: () => void;
  /** What an application on some node tells its instances. */
  readonly appEvent: (told: ArgumentsOf<'app_event'>) => void;
  /** How an application tries again what it has given up; `null` where there is none that does. @param ids `null` for all */
  readonly replay: (app: string) => ((ids: readonly string[] | null) => void) | null;
  readonly log: Log;
}

const DRAIN_DELAY_MS = 100;

/** The effect of a command, before anything has happened. */
interface Effect {
  readonly connections?: number;
  readonly messages?: number;
  readonly problem?: string;
  /** Returns the way back, for a change that can end by itself; or each thing's own, where it changes several. */
  readonly apply?: () => (() => void) | Readonly<Record<string, () => void>> | void;
}

type Plans = { readonly [N in CommandName]: (self: Operations, given: ArgumentsOf<N>) => Effect };

export class Operations {
  readonly node: Node;
  readonly parts: OperationParts;
  readonly traffic = new Traffic();
  readonly reversions = new Reversions();
  /** The rates as the configuration has them, whatever operators have changed since. */
  readonly configured: { readonly connection_rps: number; readonly user_rps: number; readonly global_rps: number };

  constructor(node: Node, parts: OperationParts) {
    this.node = node;
    this.parts = parts;
    const { limits, users, nodeBucket } = node.parts.context;
    this.configured = {
      connection_rps: limits.connectionRate.perSecond,
      user_rps: users.rate.perSecond,
      global_rps: nodeBucket.rate.perSecond,
    };
  }

  execute(command: Command, dryRun: boolean): Outcome {
    const { clock } = this.node.parts.context;
    const { connections = 0, messages = 0, problem, apply } = this.plan(command);
    const outcome = {
      node: this.node.parts.mode.name,
      connections,
      messages_per_second: Math.round(messages * 10) / 10,
    };
    const seconds = 'ttl_secs' in command.arguments ? command.arguments.ttl_secs : undefined;
    const until = seconds === undefined ? null : clock.now() + seconds * 1_000;
    if (problem !== undefined) return { ...outcome, applied: false, until: null, problem };
    if (dryRun) return { ...outcome, applied: false, until };
    const changed = apply?.() ?? {};
    const reverts = typeof changed === 'function' ? { [command.name]: changed } : changed;
    for (const [what, revert] of Object.entries(reverts)) {
      this.reversions.plan(what, until, () => {
        revert();
        this.parts.log.info('Admin change reverted', { audit: true, command: command.name });
      });
    }
    return { ...outcome, applied: true, until };
  }

  /** About once a second. */
  beat(): void {
    const { clock, counters } = this.node.parts.context;
    this.traffic.sample({
      published: counters.published,
      received: counters.received.total,
      delivered: counters.publicationsSent.total,
    });
    this.reversions.run(clock.now());
    this.parts.authenticator.beat();
    this.parts.authenticator.revocations.sweep(clock.now());
  }

  open(): Connection[] {
    return this.node.connections.filter(({ isOpen }) => isOpen);
  }

  private plan(command: Command): Effect {
    const plan = PLANS[command.name] as (self: Operations, given: Command['arguments']) => Effect;
    try {
      return plan(this, command.arguments);
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

const PLANS: Plans = {
  emergency_mode: (self, { mode }) => ({
    connections: self.open().length,
    messages: self.traffic.published,
    apply: () => {
      const before = self.node.parts.mode.isReadOnly ? 'read_only' : 'normal';
      setMode(self, mode);
      return () => setMode(self, before);
    },
  }),

  admission: ({ node }, { admits }) => ({
    apply: () => {
      const before = node.parts.mode.isOpen ? 'ADMIT' : 'REFUSE';
      node.parts.mode.send({ type: admits ? 'ADMIT' : 'REFUSE' });
      return () => node.parts.mode.send({ type: before });
    },
  }),

  rate_limits: (self, given) => ({
    connections: self.open().length,
    messages: self.traffic.received,
    apply: () => {
      const { limits, users, nodeBucket } = self.node.parts.context;
      const { connection_rps: connection, user_rps: user, global_rps: global } = given;
      return {
        ...(connection !== undefined && { connection_rps: setRate(limits.connectionRate, connection) }),
        ...(user !== undefined && { user_rps: setRate(users.rate, user) }),
        ...(global !== undefined && { global_rps: setRate(nodeBucket.rate, global) }),
      };
    },
  }),

  log_level: ({ parts }, { level }) => {
    // Tried and taken back, so that a dry run finds a wrong level too.
    parts.setLogLevels(level)();
    return { apply: () => parts.setLogLevels(level) };
  },

  broadcast: (self, { type, data }) => ({
    connections: self.open().length,
    apply: () => announce(self.open(), { type, data }, self.node.parts.context.scheduler),
  }),

  disconnect: (self, { connection_id: id, reconnect }) => {
    const connection = self.node.byId(id);
    if (connection?.isOpen !== true) return { problem: 'no open connection has this id here' };
    return { connections: 1, apply: () => dismiss(connection, reconnect) };
  },

  disconnect_user: (self, { user, tenant, reconnect }) => {
    const theirs = self.node.byUser.of(tenant, user).filter(({ isOpen }) => isOpen);
    return {
      connections: theirs.length,
      apply: () => {
        for (const connection of theirs) dismiss(connection, reconnect);
      },
    };
  },

  disconnect_tenant: (self, { tenant, reconnect }) => {
    const theirs = self.open().filter(({ principal }) => principal.tenant === tenant);
    return {
      connections: theirs.length,
      apply: () => {
        for (const connection of theirs)
          closeServed(connection, reconnect ? 'disconnected' : 'forbidden', 'the tenant of this connection was closed');
      },
    };
  },

  close_connections: ({ node }, given) => {
    const meant = connectionsMeant(node, given);
    return {
      connections: meant.length,
      apply: () => {
        for (const connection of meant) connection.close(BACKEND_CLOSE_CODES[given.code], given.reason);
      },
    };
  },

  change_subscriptions: ({ node }, { tenant, user, ...order }) => {
    const theirs = lastingConnections(node, tenant, user);
    return {
      connections: theirs.length,
      apply: () => {
        for (const connection of theirs) orderSubscriptions(connection, order);
      },
    };
  },

  revoke: (self, { jti, user, tenant, issued_before: issuedBefore, closed: isClosed, ttl_secs: seconds }) => {
    const { authenticator } = self.parts;
    const now = self.node.parts.context.clock.now();
    const revocation = { jti, user, tenant, issuedBefore, isClosed };
    const touched = self.open().filter(({ principal }) => authenticator.revocations.covers(revocation, principal, now));
    return {
      connections: touched.length,
      apply: () => {
        authenticator.revocations.add(revocation, now, now + seconds * 1_000);
        // At once, and again at every beat for those that are just being admitted.
        for (const connection of touched)
          closeServed(connection, 'token_revoked', 'the token was revoked: sign in again');
      },
    };
  },

  rights_changed: (self, change) => {
    const touched = touchedBy(change, self.node);
    return {
      connections: touched.length,
      apply: () => changeRights(self.node.parts.context, touched, change),
    };
  },

  trace: ({ node }, { topics, enabled, ttl_secs: seconds }) => {
    const { router, clock } = node.parts.context;
    const { tracing } = router;
    const until = seconds === undefined ? null : clock.now() + seconds * 1_000;
    const refused = enabled ? tracing.problem(topics) : null;
    if (refused !== null) return { problem: refused.message };
    if (!enabled && !tracing.has(topics)) return { problem: 'expected a pattern that is traced: see GET /admin/trace' };
    // Its end is the tracing's own business: several patterns may be traced, each with a time of its own.
    return { apply: () => void (enabled ? tracing.enable(topics, until) : tracing.disable(topics)) };
  },

  notify_user: (self, { user, tenant, event, data }) => {
    const theirs = self.node.byUser.of(tenant, user).filter(({ isOpen }) => isOpen);
    const frame = notificationFrame(event, data as JsonValue);
    return { connections: theirs.length, apply: () => announce(theirs, frame, self.node.parts.context.scheduler) };
  },

  replay: ({ parts }, { app, ids }) => {
    const replay = parts.replay(app);
    if (replay === null) return { problem: `expected an application that keeps dead letters here, got ${quote(app)}` };
    return { apply: () => replay(ids ?? null) };
  },

  app_event: ({ parts }, told) => ({ apply: () => parts.appEvent(told) }),

  drain: (self) => ({
    connections: self.open().length,
    messages: self.traffic.delivered,
    // A moment later, so that the answer still goes out.
    apply: () => void self.node.parts.context.scheduler.after(DRAIN_DELAY_MS, self.parts.drain),
  }),
};

function dismiss(connection: Connection, reconnect: boolean): void {
  closeServed(connection, reconnect ? 'disconnected' : 'banned', 'an operator closed this connection');
}

function setMode({ node }: Operations, mode: 'read_only' | 'normal'): void {
  const { context, mode: machine } = node.parts;
  const before = machine.mode;
  machine.send({ type: mode === 'read_only' ? 'READ_ONLY' : 'NORMAL' });
  if (machine.mode === before) return;
  const data =
    mode === 'read_only'
      ? {
          level: 'warning',
          code: 'read_only',
          message: 'The service is read-only for the moment: nothing can be sent.',
        }
      : { level: 'info', code: 'normal', message: 'The service takes messages again.' };
  announce(node.connections, { type: 'SystemNotification', data }, context.scheduler);
}

/** Changes a rate in place, with its burst in proportion. Returns the way back. */
function setRate(rate: Rate, perSecond: number): () => void {
  const before = { ...rate };
  rate.burst = Math.max(1, (rate.burst / rate.perSecond) * perSecond);
  rate.perSecond = perSecond;
  return () => Object.assign(rate, before);
}
