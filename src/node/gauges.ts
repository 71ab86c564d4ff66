/** What a node looks like at this moment, for metrics and the health answer. */
import type { Connection } from '../connection/connection.ts';
import { LAGGING } from '../router/subscription.ts';
import type { Gauges } from '../telemetry/metrics.ts';
import type { Node } from './node.ts';

/** What only the wiring knows. */
export interface OutsideGauges {
  readonly logTopics: number;
  readonly logBytes: number;
  readonly idempotencyKeys: number;
  readonly sessions: number;
  readonly eventLoopLagSeconds: number;
  readonly logLinesLost: number;
  readonly build: Readonly<Record<string, string>>;
}

/** Walks all connections: a millisecond for ten thousand. */
export function readGauges(node: Node, outside: OutsideGauges): Gauges {
  const { context, mode } = node.parts;
  const connections = { json: 0, msgpack: 0 };
  let subscriptions = 0;
  let mailboxMessages = 0;
  let mailboxLargestMessages = 0;
  let subscriptionsLagging = 0;
  let mailboxOldestSeconds = 0;
  const now = context.clock.elapsed();
  for (const connection of node.connections) {
    connections[connection.format] += 1;
    subscriptions += connection.subscriptions.length;
    mailboxMessages += connection.queuedCount;
    mailboxLargestMessages = Math.max(mailboxLargestMessages, connection.queuedCount);
    subscriptionsLagging += connection.subscriptions.filter(({ state }) => state === LAGGING).length;
    mailboxOldestSeconds = Math.max(mailboxOldestSeconds, oldestAge(connection, now));
  }
  const { topics, tailBytes } = context.router.usage();
  return {
    connections,
    users: context.users.size,
    subscriptions,
    mailboxMessages,
    mailboxBytes: context.backlog.bytes,
    mailboxLargestMessages,
    mailboxOldestSeconds,
    connectionsBlocked: context.backlog.blocked.size,
    subscriptionsLagging,
    unaccounted: node.unaccounted(),
    routedTopics: topics,
    tailBytes,
    deadLetters: context.deadLetters.total,
    mode: mode.mode,
    ...outside,
  };
}

/** Seconds that the oldest message in a connection's mailbox has waited. */
function oldestAge(connection: Connection, now: number): number {
  let oldest = now;
  for (const subscription of connection.waiting ?? []) {
    const { topic, written, queued } = subscription;
    if (queued > 0 && written + 1 >= topic.tailFirst(connection.format))
      oldest = Math.min(oldest, topic.arrivedAt(connection.format, written + 1));
  }
  return (now - oldest) / 1_000;
}
