/**
 * A backend subscribes a user of its tenant to topics, or ends that: all connections of the user, on every node. The right
 * that counts is the backend's own.
 */
import type { Principal } from '../auth/principal.ts';
import type { ControlBus } from '../control/command.ts';
import type { Refusal } from '../protocol/errors.ts';
import { askToRead, subscribeProblem } from './checks.ts';
import type { ServiceContext } from './context.ts';
import { reach, type Reached } from './reach.ts';

export interface SubscriptionChange {
  readonly user: string;
  readonly topics: readonly string[];
  readonly subscribed: boolean;
}

export interface Changed extends Reached {
  /** What was allowed, and so carried out. */
  readonly topics: readonly string[];
  readonly rejected: ReadonlyMap<string, Refusal>;
}

export async function changeSubscriptions(
  context: ServiceContext,
  bus: ControlBus,
  principal: Principal,
  { user, topics: wanted, subscribed }: SubscriptionChange,
): Promise<Changed> {
  const names = [...new Set(wanted)];
  const problems = await Promise.all(names.map((name) => problemOf(context, principal, name)));
  const rejected = new Map(names.flatMap((name, at) => entry(name, problems[at] ?? null)));
  const topics = names.filter((name) => !rejected.has(name));
  if (topics.length === 0) return { connections: 0, missed: [], topics, rejected };
  const { tenant } = principal;
  const reached = await reach(bus, { name: 'change_subscriptions', arguments: { tenant, user, topics, subscribed } });
  return { ...reached, topics, rejected };
}

function problemOf(context: ServiceContext, principal: Principal, name: string): Promise<Refusal | null> {
  const known = subscribeProblem(context, principal, name);
  if (known !== undefined) return Promise.resolve(known);
  return new Promise((resolve) => {
    askToRead(context, principal, name, resolve);
  });
}

function entry(name: string, problem: Refusal | null): (readonly [string, Refusal])[] {
  return problem === null ? [] : [[name, problem]];
}
