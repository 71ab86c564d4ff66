/** What costs a node most: topics, users, addresses, patterns, clients; and whom its rates refuse. Read off what is there, on demand. */
import type { Connection } from '../connection/connection.ts';
import { matches, wireName } from '../protocol/topic.ts';
import type { Node } from './node.ts';

export interface Costs {
  /** By deliveries since the topic was opened here. */
  readonly topics: readonly {
    readonly topic: string;
    readonly subscribers: number;
    readonly routed: number;
    readonly deliveries: number;
  }[];
  /** By tokens spent since the user is known here. */
  readonly users: readonly {
    readonly user: string;
    readonly tenant: string;
    readonly connections: number;
    readonly spent: number;
    readonly refused: number;
  }[];
  readonly addresses: readonly { readonly address: string; readonly connections: number }[];
  readonly patterns: readonly { readonly pattern: string; readonly connections: number; readonly topics: number }[];
  /** Connections by what they subscribed to themselves, with the number of the one in the middle of all. */
  readonly clients: {
    readonly most: readonly { readonly id: string; readonly user: string; readonly subscriptions: number }[];
    readonly median: number;
  };
  /** Users by connections, with the number of the one in the middle of all. */
  readonly holders: { readonly most: Costs['users']; readonly median: number };
  /** Whom rates refused, the most often refused first. */
  readonly limited: Costs['users'];
}

const SHOWN = 10;
/** Patterns are held against so many topics at most: 25 ns each. */
const MATCHED_TOPICS = 10_000;

/** Walks all connections, topics and users once: some milliseconds for ten thousand of each. */
export function costsOf(node: Node): Costs {
  const users = usersOf(node);
  return {
    topics: topicsOf(node),
    users: top(users, ({ spent }) => spent),
    addresses: addressesOf(node.connections),
    patterns: patternsOf(node),
    clients: clientsOf(node.connections),
    holders: {
      most: top(users, ({ connections }) => connections),
      median: median(users.filter(({ connections }) => connections > 0).map(({ connections }) => connections)),
    },
    limited: top(
      users.filter(({ refused }) => refused > 0),
      ({ refused }) => refused,
    ),
  };
}

function usersOf({ parts }: Node): Costs['users'] {
  return [...parts.context.users.each()].map(({ user, tenant, usage }) => ({
    user,
    tenant,
    connections: usage.connections,
    spent: Math.round(usage.spent),
    refused: usage.refused,
  }));
}

function topicsOf({ parts }: Node): Costs['topics'] {
  const all = [...parts.context.router.openTopics()].map((topic) => ({
    topic: wireName(topic.name),
    subscribers: topic.subscriptions.length,
    routed: topic.routedCount,
    deliveries: topic.routedCount * topic.subscriptions.length,
  }));
  return top(all, ({ deliveries }) => deliveries);
}

function addressesOf(connections: readonly Connection[]): Costs['addresses'] {
  const counts = countsOf(connections.map(({ address }) => address));
  const all = [...counts].map(([address, count]) => ({ address, connections: count }));
  return top(all, (row) => row.connections);
}

function patternsOf({ connections, parts }: Node): Costs['patterns'] {
  const counts = countsOf(connections.flatMap(({ patterns }) => patterns ?? []));
  const most = top(
    [...counts].map(([pattern, count]) => ({ pattern, connections: count })),
    (row) => row.connections,
  );
  if (most.length === 0) return [];
  const names = [...parts.context.router.openTopics()].slice(0, MATCHED_TOPICS).map(({ clientName }) => clientName);
  return most.map((row) => ({ ...row, topics: names.filter((name) => matches(row.pattern, name)).length }));
}

function clientsOf(connections: readonly Connection[]): Costs['clients'] {
  const all = connections.map(({ id, principal, named, patterns }) => ({
    id,
    user: principal.user,
    subscriptions: named + (patterns?.length ?? 0),
  }));
  return {
    most: top(all, ({ subscriptions }) => subscriptions),
    median: median(all.map(({ subscriptions }) => subscriptions)),
  };
}

/** @returns 0 of nothing */
function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1] ?? 0;
}

function countsOf(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function top<T>(rows: readonly T[], measure: (row: T) => number): readonly T[] {
  return rows.toSorted((a, b) => measure(b) - measure(a)).slice(0, SHOWN);
}
