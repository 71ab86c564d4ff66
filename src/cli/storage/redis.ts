/** A node among others: topics, sessions and orders are in Redis. */
import { DistributedBroker } from '../../broker/distributed.ts';
import { RedisTopicLogs } from '../../broker/redis-topic-logs.ts';
import { PRESENCE } from '../../broker/retention.ts';
import type { Config } from '../../config/schema.ts';
import { RedisControlBus } from '../../control/redis.ts';
import { RedisNodeViews } from '../../control/redis-views.ts';
import { RedisPresenceStore } from '../../presence/redis-presence.ts';
import { RedisQueueStore, type RedisQueueOptions } from '../../queue/redis.ts';
import { fingerprint, type Deployment } from '../../redis/deployment.ts';
import { RedisLink } from '../../redis/link.ts';
import { linkFacts } from '../../redis/link-facts.ts';
import type { LinkOptions } from '../../redis/link-options.ts';
import { parseRedisUrl } from '../../config/redis-url.ts';
import { RedisSessionStore } from '../../session/redis.ts';
import type { SharedStoreGauges } from '../../telemetry/gauges.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';
import { queueKind } from './queue-kind.ts';
import { retentionRules } from './retention-rules.ts';
import { sharesOf } from './shares.ts';
import type { Storage, WantedByApps } from './storage.ts';

/** Reads of logs that may wait for their turn. */
const WAITING_READS = 100_000;

/** @param nodeName shown by `CLIENT LIST` of Redis */
export function redisStorage(
  config: Config,
  url: string,
  nodeName: string,
  logs: LogFactory,
  { ephemeral, hasQueues }: WantedByApps,
): Storage {
  const { topics, session, redis, actor_system: actors } = config;
  const link = buildLink(config, url, nodeName, logs);
  const topicLogs = new RedisTopicLogs(
    {
      idempotencyWindowMs: topics.idempotency_window_secs * 1_000,
      metaTtlMs: redis.topic_ttl_secs * 1_000,
      wait: waitOf(redis),
      limits: { ...sharesOf(config), maxTopics: topics.max_topics },
    },
    link,
    clock,
    random,
  );
  const broker = new DistributedBroker(
    {
      retention: retentionRules(config, ephemeral),
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
    {
      ttlMs: session.ttl_secs * 1_000,
      capacity: session.capacity,
      perUser: session.per_user,
      perTenant: session.per_tenant,
    },
    link,
    scheduler,
    logs.room('session'),
  );
  const presence = new RedisPresenceStore(
    {
      mode: { from: config.presence.threshold, below: config.presence.threshold_back },
      retention: PRESENCE,
      metaTtlMs: redis.topic_ttl_secs * 1_000,
    },
    link,
    random,
  );
  const bus = new RedisControlBus(link, clock, random, scheduler, logs.room('control'));
  return {
    name: 'redis',
    broker,
    sessions,
    presence,
    bus,
    views: new RedisNodeViews(link, random, scheduler),
    shared: link,
    queues: hasQueues && queueKind(config) === 'redis' ? redisQueues(config, link) : null,
    hasEarlierOrders: true,
    trouble: () => link.trouble,
    problem: () => link.problem,
    facts: () => linkFacts(link, clock, scheduler),
    stop: async () => {
      await bus.stop();
      await sessions.flush();
      await broker.stop();
    },
    sweeps: [],
    usage: () => {
      const { topics: followedTopics, bytes: tailBytes, pending, reads, tailReads, follower } = broker.usage();
      const sharedStore: SharedStoreGauges = {
        state: link.state,
        isListening: link.isListening,
        trouble: link.trouble ?? (link.vitals.isSlow ? 'slow' : null),
        latencySeconds: (link.vitals.latency?.p50 ?? 0) / 1_000,
        emptied: link.vitals.emptied,
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
        logTopicsEvicted: topicLogs.evicted,
        logBytes: 0,
        idempotencyKeys: 0,
        sessions: 0,
        sharedStore,
      };
    },
  };
}

function redisQueues({ queue, redis }: Config, link: RedisLink): RedisQueueStore {
  return new RedisQueueStore(
    {
      maxMessages: queue.max_messages,
      maxDead: queue.max_dead,
      leaseMs: queue.lease_secs * 1_000,
      wait: waitOf(redis),
    },
    link,
    clock,
    scheduler,
    random,
  );
}

function waitOf({ wait_replicas: replicas, wait_timeout_ms: timeoutMs }: Config['redis']): RedisQueueOptions['wait'] {
  return replicas === 0 ? null : { replicas, timeoutMs };
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
  return new RedisLink(options, clock, scheduler, random, logs.room('redis'));
}

/** The part of the configuration that nodes of one service share, and services beside it do not. */
function deploymentOf({ auth, redis }: Config): Deployment {
  const { jwt_secret: secret, jwt_previous_secret: previous, public_key: publicKey, jwks_url: url } = auth;
  const fingerprints = [secret, previous, publicKey].flatMap((key) => (key === undefined ? [] : [fingerprint(key)]));
  // Several services may share the keys of one issuer, each with an audience of its own.
  if (url !== undefined) fingerprints.push(fingerprint(url, auth.issuer ?? '', auth.audience ?? ''));
  return { name: redis.deployment ?? '', fingerprints };
}
