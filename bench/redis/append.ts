/**
 * Appends per second through the broker, beside bare pipelined calls of the same script to the same Redis, in alternating
 * rounds. Every message goes to another topic than the one before, so that each is a call of its own in both; then all
 * to one topic, where the broker joins the messages of a turn into one call. Redis' CPU time for a call says more than the
 * rates where the machine has other work.
 * Run: taskset -c 1 node bench/redis/append.ts [--rounds 5] [--seconds 3]
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { DistributedBroker } from '../../src/broker/distributed.ts';
import { readTopicScripts } from '../../src/broker/redis-scripts.ts';
import { RedisTopicLogs } from '../../src/broker/redis-topic-logs.ts';
import { systemClock, systemRandom, systemScheduler } from '../../src/telemetry/system-clock.ts';
import { benchLink } from './link.ts';
import { draft, KEEP, pipelinedAppends } from './pipelines.ts';
import { median, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' } },
});
const rounds = Number(values.rounds);
const durationMs = Number(values.seconds) * 1_000;

/** Messages under way in both. */
const IN_FLIGHT = 2_048;
const TOPICS = 4_096;
const HOUR = 3_600_000;
const PAYLOAD = 200;
const DRAFT = draft(PAYLOAD);

const redis = await RedisProcess.start();
const link = benchLink(redis.url, 'bench');
const logs = new RedisTopicLogs(
  {
    idempotencyWindowMs: 300_000,
    metaTtlMs: HOUR,
    wait: null,
    limits: { maxTopics: 100_000, perTenant: undefined, perUser: 100_000, inboxes: 100_000, directPerSender: 50 },
  },
  link,
  systemClock,
  systemRandom,
);
const broker = new DistributedBroker(
  {
    retention: { rules: [], fallback: KEEP, direct: KEEP },
    append: { pendingMessages: 100_000, pendingBytes: 1e9 },
    reads: { atOnce: 16, waiting: 1_000 },
    tail: { messages: 1_000, bytes: 1_048_576, totalBytes: 67_108_864 },
    silenceMs: 20_000,
    restMs: 600_000,
    topicTtlMs: 3_600_000,
  },
  logs,
  systemClock,
  systemScheduler,
);
await broker.start({
  published: () => {},
  epochChanged: () => {},
  renumbered: () => {},
  withdrawn: () => {},
  forgotten: () => {},
});
const bare = new Redis({ port: redis.port, host: '127.0.0.1' });
const { append } = readTopicScripts();
await bare.script('LOAD', append.source);

for (const topics of [TOPICS, 1]) {
  const figures = { broker: [] as number[], bare: [] as number[] };
  const cpu = { broker: [] as number[], bare: [] as number[] };
  await throughBroker(topics, 500);
  await throughPipelines(topics, 500);
  for (let round = 0; round < rounds; round += 1) {
    const before = await spent();
    figures.broker.push(await throughBroker(topics, durationMs));
    const between = await spent();
    figures.bare.push(await throughPipelines(topics, durationMs));
    cpu.broker.push(perCall(before, between));
    cpu.bare.push(perCall(between, await spent()));
  }
  const [ours, theirs] = [median(figures.broker), median(figures.bare)];
  process.stdout.write(
    `${topics} topics: broker ${Math.round(ours)}/s, bare pipelined calls of one message ${Math.round(theirs)}/s, ratio ${(ours / theirs).toFixed(2)} (medians of ${rounds}; broker ${figures.broker.map(Math.round).join(' ')}; bare ${figures.bare.map(Math.round).join(' ')}); Redis' CPU for a call: broker ${median(cpu.broker).toFixed(1)} µs, bare ${median(cpu.bare).toFixed(1)} µs\n`,
  );
}
bare.disconnect();
await broker.stop();
await redis.end();

interface Spent {
  /** CPU time of Redis' main thread, in µs. */
  readonly cpuUs: number;
  /** Script calls. */
  readonly calls: number;
}

async function spent(): Promise<Spent> {
  const text = (await bare.info('cpu')) + (await bare.info('commandstats'));
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  const cpu = number(/used_cpu_sys_main_thread:([\d.]+)/) + number(/used_cpu_user_main_thread:([\d.]+)/);
  return { cpuUs: cpu * 1e6, calls: number(/cmdstat_evalsha:calls=(\d+)/) };
}

function perCall(before: Spent, after: Spent): number {
  return (after.cpuUs - before.cpuUs) / Math.max(1, after.calls - before.calls);
}

/** Keeps {@link IN_FLIGHT} publishes under way. */
function throughBroker(topics: number, ms: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let sent = 0;
    let done = 0;
    const publish = (): void => {
      sent += 1;
      broker.publish(`chat.t${sent % topics}`, DRAFT, (answer) => {
        if ('reason' in answer) return reject(new Error(answer.message));
        done += 1;
        if (performance.now() - started < ms) return publish();
        if (done === sent) resolve(done / ((performance.now() - started) / 1_000));
      });
    };
    for (let at = 0; at < IN_FLIGHT; at += 1) publish();
  });
}

async function throughPipelines(topics: number, ms: number): Promise<number> {
  const started = performance.now();
  const done = await pipelinedAppends(bare, ms, { topics, inFlight: IN_FLIGHT, payloadBytes: PAYLOAD });
  return done / ((performance.now() - started) / 1_000);
}
