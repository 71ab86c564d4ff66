/** A node that is alone: everything is in its own memory. */
import { MemoryBroker } from '../../broker/memory.ts';
import type { Config } from '../../config/schema.ts';
import { MemoryControlBus } from '../../control/memory.ts';
import { MemoryPresenceStore } from '../../presence/memory.ts';
import { presenceLogs } from '../../presence/broker-logs.ts';
import { MemorySessionStore } from '../../session/memory.ts';
import { systemClock as clock, systemRandom as random } from '../../telemetry/system-clock.ts';
import { retentionRules } from './retention-rules.ts';
import { sharesOf } from './shares.ts';
import type { Storage } from './storage.ts';

/** How long a topic without messages and subscribers keeps its epoch and sequence. */
const FORGET_TOPIC_MS = 24 * 3_600_000;

export function memoryStorage(config: Config, ephemeral: readonly string[]): Storage {
  const { topics, session, presence } = config;
  const options = {
    retention: retentionRules(config, ephemeral),
    maxTopics: topics.max_topics,
    shares: sharesOf(config),
    maxBytes: topics.total_bytes,
    idempotencyWindowMs: topics.idempotency_window_secs * 1_000,
    idempotencyKeys: topics.idempotency_keys,
    forgetAfterMs: FORGET_TOPIC_MS,
  };
  const broker = new MemoryBroker(options, clock, random);
  const sessions = new MemorySessionStore(session.ttl_secs * 1_000, session.capacity, clock, {
    perUser: session.per_user,
    perTenant: session.per_tenant,
  });
  const mode = { from: presence.threshold, below: presence.threshold_back };
  const present = new MemoryPresenceStore(mode, presenceLogs(broker), clock);
  const bus = new MemoryControlBus();
  return {
    name: 'memory',
    broker,
    sessions,
    presence: present,
    bus,
    views: null,
    shared: null,
    queues: null,
    hasEarlierOrders: false,
    trouble: () => null,
    problem: () => null,
    facts: () => Promise.resolve(null),
    stop: async () => {
      await bus.stop();
      await broker.stop();
    },
    sweeps: [() => broker.sweep(), () => sessions.sweep()],
    usage: () => {
      const { topics: logTopics, inboxes, evicted, bytes: logBytes, idempotencyKeys } = broker.usage();
      const counts = { logTopics, logInboxes: inboxes, logTopicsEvicted: evicted };
      return { ...counts, logBytes, idempotencyKeys, sessions: sessions.size, sharedStore: null };
    },
  };
}
