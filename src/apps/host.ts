/** The host of one application: its promises on the ports of the node. */
import { z } from 'zod';
import { COMMANDS, type Command, type ControlBus } from '../control/command.ts';
import { ERRORS, isRefusal, quote, refusal } from '../protocol/errors.ts';
import { MAX_TOPICS_PER_FRAME } from '../protocol/limits.ts';
import type { Log } from '../telemetry/log.ts';
import { MAX_EVENT } from './app-events.ts';
import { AppMetrics } from './app-metrics.ts';
import type { AppRoute } from './app-route.ts';
import type { Calls } from './calls.ts';
import type { Frame } from './frame.ts';
import { isTopicName } from '../protocol/topic.ts';
import { invalidTopic } from '../service/names.ts';
import { reach, type Reached } from '../service/reach.ts';
import type { Host, User } from './host-api.ts';
import { messagesOf, type Phase } from './host-messages.ts';
import { hostPresence } from './host-presence.ts';
import type { OneHostPorts } from './host-ports.ts';

export const STAGE = /^[a-z][a-z0-9_-]{0,31}$/;

export function hostOf(calls: Calls, log: Log, ports: OneHostPorts, phase: Phase): Host {
  const { node, context, random, bus, shared, events } = ports;
  const name = calls.app;
  const metrics = new AppMetrics(ports.addMetric, calls);
  return {
    name,
    node,
    z,
    random,
    shared,
    database: ports.database(name),
    presence: ports.presence === null ? null : hostPresence(calls, ports.presence),
    queue: ports.queue,
    used: ports.used,
    log,
    clock: context.clock,
    scheduler: context.scheduler,
    // The types have been checked by the compiler; the core keeps them as unknown.
    frame: (definition: unknown) => definition as Frame,
    route: (definition: unknown) => definition as AppRoute,
    refuse: (reason, message, more = {}) => {
      if (!Object.hasOwn(ERRORS, reason))
        throw new RangeError(`expected a reason of docs/errors.md, got ${quote(reason)}`);
      const { retryAfterMs, details } = more;
      return { ...refusal(reason, message, retryAfterMs), ...(details !== undefined && { details }) };
    },
    isRefusal: (answer) => typeof answer === 'object' && answer !== null && isRefusal(answer),
    mayAct: (principal, action, topic) =>
      new Promise((resolve) => {
        if (!isTopicName(topic)) return resolve(invalidTopic(topic));
        context.authorizer.ask(principal, action, topic, (problem) => resolve(problem ?? true));
      }),
    ...messagesOf(name, context, phase),
    ...peopleOf(bus),
    tokenIssuer: ports.tokenIssuer,
    background: (name, work) =>
      new Promise((resolve) => calls.run({ part: 'background', name, deadlineMs: null }, work, () => resolve())),
    emit: (event, data) => {
      const size = JSON.stringify(data)?.length ?? 0;
      if (size === 0 || size > MAX_EVENT)
        throw new RangeError(`emit ${quote(event)}: expected JSON of at most ${MAX_EVENT} characters, got ${size}`);
      bus.tell(read('app_event', { app: name, event, data, node }));
    },
    on: (event, handler) => events.on(event, handler, calls),
    counter: (...given) => metrics.counter(...given),
    gauge: (...given) => metrics.gauge(...given),
    histogram: (...given) => metrics.histogram(...given),
    trace: (id, stage, at = context.clock.now()) => {
      if (!STAGE.test(stage))
        throw new RangeError(`trace: expected a stage [a-z][a-z0-9_-]*, at most 32 characters, got ${quote(stage)}`);
      if (!Number.isFinite(at)) throw new RangeError(`trace: expected at in milliseconds since 1970, got ${at}`);
      return context.router.tracing.isOn && context.router.tracing.reached(id, `${name}.${stage}`, at);
    },
    fate: (id) => ports.fate(id),
    alert: (message, fields = {}) => ports.alert(message, { app: name, ...fields }),
  };
}

/** What reaches a user on every node. */
function peopleOf(
  bus: ControlBus,
): Pick<
  Host,
  | 'disconnect'
  | 'disconnectTenant'
  | 'notify'
  | 'subscribe'
  | 'unsubscribe'
  | 'revoke'
  | 'revokeToken'
  | 'rightsChanged'
> {
  const order = (command: Command): ReturnType<typeof reach> => reach(bus, command);
  return {
    disconnect: async (user, { reconnect = false } = {}) =>
      order(read('disconnect_user', { ...whose(user), reconnect })),
    disconnectTenant: async (tenant, { reconnect = false } = {}) =>
      order(read('disconnect_tenant', { tenant, reconnect })),
    notify: async (user, event, data) => order(read('notify_user', { ...whose(user), event, data })),
    subscribe: async (user, topics) => orderTopics(order, user, topics, true),
    unsubscribe: async (user, topics) => orderTopics(order, user, topics, false),
    revoke: async (user, { issuedBefore, forSecs, isClosed } = {}) =>
      order(
        read('revoke', {
          ...whose(user),
          ...(issuedBefore !== undefined && { issued_before: issuedBefore / 1_000 }),
          ...(forSecs !== undefined && { ttl_secs: forSecs }),
          ...(isClosed !== undefined && { closed: isClosed }),
        }),
      ),
    revokeToken: async (jti, forSecs) => order(read('revoke', { jti, ttl_secs: forSecs })),
    rightsChanged: async ({ user, tenant, topic }) => {
      const about = user === undefined ? { tenant: tenant ?? '' } : whose(user);
      return order(read('rights_changed', { ...about, ...(topic !== undefined && { topic }) }));
    },
  };
}

/** A command holds so many topics as a frame does. */
async function orderTopics(
  order: (command: Command) => Promise<Reached>,
  user: User,
  topics: readonly string[],
  subscribed: boolean,
): Promise<Reached> {
  let connections = 0;
  const missed = new Set<string>();
  for (let at = 0; at < topics.length; at += MAX_TOPICS_PER_FRAME) {
    const some = topics.slice(at, at + MAX_TOPICS_PER_FRAME);
    const reached = await order(read('change_subscriptions', { ...whose(user), topics: some, subscribed }));
    connections = Math.max(connections, reached.connections);
    for (const node of reached.missed) missed.add(node);
  }
  return { connections, missed: [...missed] };
}

function whose(user: User): { readonly user: string; readonly tenant: string } {
  // A principal is a user too, with more than commands take.
  return typeof user === 'string' ? { user, tenant: '' } : { user: user.user, tenant: user.tenant };
}

/** @throws RangeError when the application gives what cannot be */
function read(name: Command['name'], given: unknown): Command {
  const parsed = COMMANDS[name].safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RangeError(`${name}: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
  }
  return { name, arguments: parsed.data } as Command;
}
