/** What topics cost in Redis: bytes of memory for each, by messages and by the size of a stream's nodes. */
import { Redis } from 'ioredis';
import { parseArgs } from 'node:util';
import { layDown } from '../../src/broker/record.ts';
import { readTopicScripts } from '../../src/broker/redis-scripts.ts';
import { RedisProcess } from './redis-process.ts';

const { values } = parseArgs({ options: { topics: { type: 'string', default: '20000' } } });
const TOPICS = Number(values.topics);
const DAY = 86_400_000;
const AT_ONCE = 500;
const { append, shares } = readTopicScripts();
const USERS = 100;

/** [messages of a topic, bytes of a payload] */
const CASES = [
  [1, 10],
  [1, 200],
  [10, 200],
  [100, 200],
] as const;

for (const nodeBytes of [4_096, 1_024, 512]) {
  for (const [messages, bytes] of CASES) {
    const topics = Math.ceil(TOPICS / messages);
    const each = await measure(nodeBytes, topics, messages, bytes);
    process.stdout.write(
      `stream-node-max-bytes ${nodeBytes}, ${topics} topics with ${messages} messages of ${bytes} bytes: ${Math.round(each)} bytes a topic, ${Math.round(each / messages)} a message\n`,
    );
  }
}

async function measure(nodeBytes: number, topics: number, messages: number, bytes: number): Promise<number> {
  const server = await RedisProcess.start(['--appendonly', 'no', '--stream-node-max-bytes', String(nodeBytes)]);
  const redis = new Redis({ port: server.port, host: '127.0.0.1' });
  try {
    for (const { source } of [append, shares]) await redis.script('LOAD', source);
    const before = await used(redis);
    for (let message = 0; message < messages; message += 1)
      for (let at = 0; at < topics; at += AT_ONCE) await publish(redis, at, Math.min(at + AT_ONCE, topics), bytes);
    return ((await used(redis)) - before) / topics;
  } finally {
    redis.disconnect();
    await server.end();
  }
}

/** As src/broker/redis-append-calls.ts does: counted for its user, the index of patterns, and one call for each topic. */
async function publish(redis: Redis, from: number, to: number, bytes: number): Promise<void> {
  const record = layDown({
    payload: JSON.stringify('x'.repeat(bytes - 2)),
    from: 'alice',
    clientId: 'c-1',
    trace: undefined,
  });
  const pipeline = redis.pipeline();
  for (let at = from; at < to; at += 1) {
    const name = `chat.t${at}`;
    const keys = [`signalbox:stream:{${name}}`, `signalbox:topic:{${name}}`] as const;
    const settings = [
      `signalbox:live:{${name}}`,
      'dGhlIGVwb2No',
      1_000,
      1_048_576,
      DAY,
      30 * DAY,
      300_000,
      '=12345678',
      '',
    ] as const;
    const counted = [Date.now(), 3_600_000, 1e9, 1e9, 1e9, 16, '', 0, name, `user-${at % USERS}`] as const;
    pipeline.evalsha(shares.digest, 1, 'signalbox:shares:{all}:topics', ...counted);
    pipeline.zadd('signalbox:index:{chat:0}', 0, name);
    pipeline.evalsha(append.digest, 2, ...keys, ...settings, record, 0, '');
  }
  const answers = await pipeline.exec();
  for (const [error] of answers ?? []) if (error !== null) throw error;
}

async function used(redis: Redis): Promise<number> {
  const match = /used_memory:(\d+)/.exec(await redis.info('memory'));
  return Number(match?.[1]);
}
