import { beforeAll } from 'vitest';
import { startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import { DistributedBroker } from '../broker/distributed.ts';
import { RedisTopicLogs } from '../broker/redis-topic-logs.ts';
import { parseRedisUrl } from '../config/redis-url.ts';
import { presenceTopic } from '../protocol/topic.ts';
import { RedisLink } from '../redis/link.ts';
import { silentLog } from '../telemetry/log.ts';
import { systemClock, systemRandom, systemScheduler } from '../telemetry/system-clock.ts';
import { presenceStoreContract } from './contract-suite.ts';
import { RedisPresenceStore } from './redis-presence.ts';
import { payloadsOf } from './test-rig.ts';

const KEPT = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };
const LIMITS = { maxTopics: 1_000, perTenant: 1_000, perUser: 1_000, inboxes: 1_000, directPerSender: 50 };

let server: RedisServer;
let lastPrefix = 0;

beforeAll(async () => {
  server = await startRedis();
});

presenceStoreContract('in Redis', async (mode) => {
  lastPrefix += 1;
  const link = new RedisLink(
    {
      prefix: `p${lastPrefix}`,
      deployment: { name: '', fingerprints: [] },
      address: parseRedisUrl(server.url),
      name: 'test',
      commandTimeoutMs: 5_000,
      connectTimeoutMs: 5_000,
      maxRetryMs: 100,
      breakerFailures: 5,
      breakerOpenMs: 100,
    },
    systemScheduler,
    systemRandom,
    silentLog,
  );
  const wait = { idempotencyWindowMs: 1_000, metaTtlMs: 3_600_000, wait: null, limits: LIMITS };
  const logs = new RedisTopicLogs(wait, link, systemClock, systemRandom);
  const store = new RedisPresenceStore({ mode, retention: KEPT, metaTtlMs: 3_600_000 }, link, systemRandom);
  const options = {
    retention: { rules: [], fallback: KEPT, direct: KEPT },
    append: { pendingMessages: 10_000, pendingBytes: 16_777_216 },
    reads: { atOnce: 16, waiting: 10_000 },
    tail: { messages: 1_000, bytes: 1_048_576, totalBytes: 67_108_864 },
    silenceMs: 20_000,
    restMs: 600_000,
    topicTtlMs: 3_600_000,
  };
  const broker = new DistributedBroker(options, logs, systemClock, systemScheduler);
  const unheard = { published() {}, epochChanged() {}, renumbered() {}, forgotten() {} };
  await broker.start(unheard);
  return { store, log: (topic) => payloadsOf(broker, presenceTopic(topic)), dispose: () => broker.stop() };
});
