/** What a node keeps things in: its own memory, or Redis. */
import { MemoryBroker } from '../broker/memory.ts';
import type { Broker } from '../broker/broker.ts';
import { RedisBroker } from '../broker/redis.ts';
import { RedisTopicLogs } from '../broker/redis-topic-logs.ts';
import type { RetentionRules } from '../broker/retention.ts';
import type { Config } from '../config/schema.ts';
import { fingerprint, type Deployment } from '../redis/deployment.ts';
import { RedisLink } from '../redis/link.ts';
import type { LinkOptions, LinkTrouble } from '../redis/link-options.ts';
import { parseRedisUrl } from '../config/redis-url.ts';
import { MemorySessionStore } from '../session/memory.ts';
import { RedisSessionStore } from '../session/redis.ts';
import type { SessionStore } from '../session/session-store.ts';
import type { LogFactory } from '../telemetry/pino-log.ts';
import type { RedisGauges } from '../telemetry/gauges.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../telemetry/system-clock.ts';

export interface Storage {
  readonly name: 'memory' | 'redis';
  readonly broker: Broker;
  readonly sessions: SessionStore;
  /** The link, for others who want to use it; `null` without Redis. */
  readonly link: RedisLink | null;
  /** Why logs and sessions cannot be relied on, or `null`. A node whose storage is in trouble is not ready. */
  trouble(): LinkTrouble | null;
  /** Writes what is still to be written, then lets go of Redis. */
  stop(): Promise<void>;
  /** Call it about once a second. */
  sweep(): void;
  usage(): {
    readonly logTopics: number;
    readonly logInboxes: number;
    readonly logTopicsEvicted: number;
    readonly logBytes: number;
    readonly idempotencyKeys: number;
    readonly sessions: number;
    readonly redis: RedisGauges | null;
  };
}

/** How long a topic without messages and subscribers keeps its epoch and sequence. */
const FORGET_TOPIC_MS = 24 * 3_600_000;
/** Reads of logs that may wait for their turn. */
const WAITING_READS = 100_000;

/** @param nodeName shown by `CLIENT LIST` of Redis */
export function buildStorage(config: Config, nodeName: string, logs: LogFactory): Storage {
  return config.redis.url === undefined ? inMemory(config) : inRedis(config, config.redis.url, nodeName, logs);
}

function inMemory(config: Config): Storage {
  const { topics, session } = config;
  const options = {
    retention: retentionRules(config),
    maxTopics: topics.max_topics,
    shares: {
      perTenant: topics.max_topics_per_tenant,
      perUser: topics.max_topics_per_user,
      inboxes: topics.max_inboxes,
      directPerSender: topics.direct_per_sender,
    },
    maxBytes: topics.total_bytes,
    idempotencyWindowMs: topics.idempotency_window_secs * 1_000,
    idempotencyKeys: topics.idempotency_keys,
    forgetAfterMs: FORGET_TOPIC_MS,
  };
  const broker = new MemoryBroker(options, clock, random);
  const sessions = new MemorySessionStore(session.ttl_secs * 1_000, session.capacity, clock, session.per_user);
  return {
    name: 'memory',
    broker,
    sessions,
    link: null,
    trouble: () => null,
    stop: () => broker.stop(),
    sweep: () => {
      broker.sweep();
      sessions.sweep();
    },
    usage: () => {
      const { topics: logTopics, inboxes, evicted, bytes: logBytes, idempotencyKeys } = broker.usage();
      const counts = { logTopics, logInboxes: inboxes, logTopicsEvicted: evicted };
      return { ...counts, logBytes, idempotencyKeys, sessions: sessions.size, redis: null };
    },
  };
}

function inRedis(config: Config, url: string, nodeName: string, logs: LogFactory): Storage {
  const { topics, session, redis, actor_system: actors } = config;
  const link = buildLink(config, url, nodeName, logs);
  const wait = redis.wait_replicas === 0 ? null : { replicas: redis.wait_replicas, timeoutMs: redis.wait_timeout_ms };
  const topicLogs = new RedisTopicLogs(
    {
      idempotencyWindowMs: topics.idempotency_window_secs * 1_000,
      metaTtlMs: redis.topic_ttl_secs * 1_000,
      wait,
    },
    link,
    clock,
    random,
  );
  const broker = new RedisBroker(
    {
      retention: retentionRules(config),
      append: { pendingMessages: redis.pending_messages, pendingBytes: redis.pending_bytes },
      reads: { atOnce: redis.reads_at_once, waiting: WAITING_READS },
      tail: {
        messages: actors.mailbox_capacity,
        bytes: actors.mailbox_bytes,
        totalBytes: redis.tails_total_bytes,
      },
      silenceMs: redis.compare_secs * 1_000,
      restMs: topics.rest_secs * 1_000,
      topicTtlMs: redis.topic_ttl_secs * 1_000,
    },
    topicLogs,
    clock,
    scheduler,
  );
  const sessions = new RedisSessionStore(
    session.ttl_secs * 1_000,
    session.capacity,
    link,
    scheduler,
    logs.room('session'),
  );
  return {
    name: 'redis',
    broker,
    sessions,
    link,
    trouble: () => link.trouble,
    stop: async () => {
      await sessions.flush();
      await broker.stop();
    },
    sweep: () => {},
    usage: () => {
      const { topics: followedTopics, bytes: tailBytes, pending, reads, tailReads, follower } = broker.usage();
      const redisGauges: RedisGauges = {
        state: link.state,
        isListening: link.isListening,
        trouble: link.trouble,
        ...link.counts,
        followedTopics,
        tailBytes,
        pending,
        reads,
        tailReads,
        ...follower,
        sessionsWaiting: sessions.waiting,
        sessionsDropped: sessions.dropped,
      };
      return {
        logTopics: 0,
        logInboxes: 0,
        logTopicsEvicted: 0,
        logBytes: 0,
        idempotencyKeys: 0,
        sessions: 0,
        redis: redisGauges,
      };
    },
  };
}

/** @throws Error when the URL is not one */
export function buildLink(config: Config, url: string, nodeName: string, logs: LogFactory): RedisLink {
  const { redis } = config;
  const options: LinkOptions = {
    address: parseRedisUrl(url),
    prefix: redis.prefix,
    deployment: deploymentOf(config),
    name: `signalbox-${nodeName}`,
    commandTimeoutMs: redis.command_timeout_ms,
    connectTimeoutMs: redis.connect_timeout_ms,
    maxRetryMs: redis.retry_max_ms,
    breakerFailures: redis.breaker_failures,
    breakerOpenMs: redis.breaker_open_ms,
  };
  return new RedisLink(options, scheduler, random, logs.room('redis'));
}

/** What nodes of one service have in common, and services beside it do not. */
function deploymentOf({ auth, redis }: Config): Deployment {
  const { jwt_secret: secret, jwt_previous_secret: previous, public_key: publicKey, jwks_url: url } = auth;
  const fingerprints = [secret, previous, publicKey].flatMap((key) => (key === undefined ? [] : [fingerprint(key)]));
  // Several services may share the keys of one issuer, each with an audience of its own.
  if (url !== undefined) fingerprints.push(fingerprint(url, auth.issuer ?? '', auth.audience ?? ''));
  return { name: redis.deployment ?? '', fingerprints };
}

function retentionRules({ topics }: Config): RetentionRules {
  const fallback = { messages: topics.history, ageMs: topics.age_secs * 1_000, bytes: topics.max_bytes };
  return {
    fallback,
    direct: { messages: topics.direct_history, ageMs: topics.direct_age_secs * 1_000, bytes: topics.max_bytes },
    rules: topics.rules.map((rule) => ({
      pattern: rule.pattern,
      messages: rule.history ?? fallback.messages,
      ageMs: rule.age_secs === undefined ? fallback.ageMs : rule.age_secs * 1_000,
      bytes: rule.max_bytes ?? fallback.bytes,
    })),
  };
}
