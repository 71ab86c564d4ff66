/** What a simulated world is like: drawn from its seed, or the same for all worlds of one kind. */
import type { ConnectionContext } from '../connection/context.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { BrokerFaults } from './simulated-broker.ts';

export const DECISIONS = { timeoutMs: 5_000, ageMs: 10_000, capacity: 100 };

/** What is different from world to world. */
export interface Conditions {
  readonly mailboxCapacity: number;
  readonly mailboxBytes: number;
  readonly totalBytes: number;
  readonly history: number;
  readonly ageMs: number;
  readonly pageMessages: number;
  readonly kernelBytes: number;
  readonly maxFailures: number;
  readonly clients: number;
  readonly broker: BrokerFaults;
}

/** What is the same in all worlds of one kind. */
export interface WorldOptions {
  readonly hasOwner: boolean;
  readonly idempotencyWindowMs: number;
}

export const USUAL: WorldOptions = { hasOwner: true, idempotencyWindowMs: 10_000 };

export function drawConditions(random: SeededRandom): Conditions {
  const mailboxCapacity = random.between(1, 4);
  const faults = random.chance(0.3);
  return {
    mailboxCapacity,
    mailboxBytes: random.pick([400, 1_000, 100_000]),
    totalBytes: random.pick([2_000, 1_000_000]),
    history: mailboxCapacity + random.between(0, 6),
    ageMs: random.pick([2_000, 3_600_000]),
    pageMessages: random.between(1, 3),
    kernelBytes: random.pick([0, 300, 1_500]),
    maxFailures: random.between(0, 2),
    clients: random.between(1, 4),
    broker: {
      isImmediate: random.chance(0.4),
      refuses: faults ? random.pick([0, 0.05, 0.2]) : 0,
      unknownOutcomes: faults ? random.pick([0, 0.1]) : 0,
      losesNotices: faults ? random.pick([0, 0.1]) : 0,
    },
  };
}

export function limitsOf(conditions: Conditions, { idempotencyWindowMs }: WorldOptions): ConnectionContext['limits'] {
  return {
    mailboxCapacity: conditions.mailboxCapacity,
    mailboxBytes: conditions.mailboxBytes,
    controlCapacity: 50,
    controlBytes: 100_000,
    pageMessages: conditions.pageMessages,
    pageBytes: conditions.mailboxBytes,
    maxMessageSize: 10_000,
    idempotencyWindowMs,
    maxSubscriptions: 10,
    maxMatchedTopics: 100,
    heartbeatBeats: 3,
    clientTimeoutBeats: 8,
    streamHeartbeatBeats: 4,
    streamBeats: 900,
    stallTimeoutBeats: 8,
    closeTimeoutBeats: 2,
    leewayMs: 0,
    limitRates: true,
    decisionTimeoutMs: DECISIONS.timeoutMs,
    connectionRate: { perSecond: 1e9, burst: 1e9 },
  };
}
