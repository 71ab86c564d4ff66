import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll } from 'vitest';
import { redisLink } from '../../test/harness/redis-link.ts';
import { startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import { systemClock, systemRandom, systemScheduler } from '../telemetry/system-clock.ts';
import { brokerContract, type BrokerSettings, type BrokerUnderTest } from './contract-suite.ts';
import { DistributedBroker } from './distributed.ts';
import { RedisTopicLogs } from './redis-topic-logs.ts';

/** Redis trims whole nodes of a stream, of up to a hundred entries. */
const NODE_ENTRIES = 100;

let server: RedisServer;
let lastPrefix = 0;

beforeAll(async () => {
  server = await startRedis();
});

/** Every test has keys of its own. */
async function make({ retention, idempotencyWindowMs, limits }: BrokerSettings): Promise<BrokerUnderTest> {
  lastPrefix += 1;
  const prefix = `t${lastPrefix}`;
  const link = redisLink(server, prefix);
  const logs = new RedisTopicLogs(
    { idempotencyWindowMs, metaTtlMs: 3_600_000, wait: null, limits },
    link,
    systemClock,
    systemRandom,
  );
  const options = {
    retention,
    append: { pendingMessages: 10_000, pendingBytes: 16_777_216 },
    reads: { atOnce: 16, waiting: 10_000 },
    tail: { messages: 1_000, bytes: 1_048_576, totalBytes: 67_108_864 },
    silenceMs: 20_000,
    restMs: 600_000,
    topicTtlMs: 3_600_000,
  };
  return {
    broker: new DistributedBroker(options, logs, systemClock, systemScheduler),
    slack: NODE_ENTRIES,
    now: () => systemClock.now(),
    pass: (ms) => sleep(ms),
    // The clock of the server cannot be turned: instead the newest message of every topic is from the future.
    stepBack: async (ms) => {
      for (const key of await server.redis.keys(`${prefix}:topic:*`)) await server.redis.hincrby(key, 't', ms);
    },
    dispose: async () => {},
  };
}

brokerContract('in Redis', make);
