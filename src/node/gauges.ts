/** What a node looks like at this moment, for metrics and the health answer. */
import { TRANSPORTS } from '../connection/transport.ts';
import { CODECS } from '../protocol/codecs.ts';
import type { DatabaseGauges, QueuesGauges, Gauges, SharedStoreGauges } from '../telemetry/gauges.ts';
import { oldestAgeMs } from './inspection.ts';
import type { Node } from './node.ts';

/** What only the wiring knows. */
export interface OutsideGauges {
  readonly logTopics: number;
  readonly logInboxes: number;
  readonly logTopicsEvicted: number;
  readonly logBytes: number;
  readonly idempotencyKeys: number;
  readonly sessions: number;
  readonly sharedStore: SharedStoreGauges | null;
  readonly database: DatabaseGauges | null;
  readonly queues: QueuesGauges | null;
  readonly eventLoopLagSeconds: number;
  readonly logLinesLost: number;
  readonly build: Readonly<Record<string, string>>;
}

/** Walks all connections: a millisecond for ten thousand. */
export function readGauges(node: Node, outside: OutsideGauges): Gauges {
  const { context, mode } = node.parts;
  const connections = TRANSPORTS.map(() => CODECS.map(() => 0));
  let subscriptions = 0;
  let mailboxMessages = 0;
  let mailboxLargestMessages = 0;
  let subscriptionsLagging = 0;
  let mailboxOldestSeconds = 0;
  for (const connection of node.connections) {
    const sums = connections[TRANSPORTS.indexOf(connection.over)] ?? [];
    sums[connection.codec.index] = (sums[connection.codec.index] ?? 0) + 1;
    subscriptions += connection.subscriptions.length;
    mailboxMessages += connection.queuedCount;
    mailboxLargestMessages = Math.max(mailboxLargestMessages, connection.queuedCount);
    subscriptionsLagging += connection.lagging?.length ?? 0;
    if (connection.queuedCount > 0)
      mailboxOldestSeconds = Math.max(mailboxOldestSeconds, oldestAgeMs(connection) / 1_000);
  }
  const { topics, resting, tailBytes } = context.router.usage();
  return {
    formats: CODECS.map(({ name }) => name),
    transports: TRANSPORTS,
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
    restingTopics: resting,
    tailBytes,
    presenceMembers: context.presence?.presence.size ?? 0,
    deadLetters: context.deadLetters.total,
    mode: mode.mode,
    ...outside,
  };
}
