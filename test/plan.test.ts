/**
 * A plan against what really runs: figures are measured at one size, a load runs at others, and what does not depend on how
 * busy the machine is has to come out as planned, within a fifth. Processor time does depend on it: bench/plan/run.ts has that.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { calibrate } from '../src/load/calibrate/calibrate.ts';
import { namedRedis } from '../src/load/calibrate/redis-server.ts';
import { residentBytes } from '../src/load/process-figures.ts';
import type { LoadPlan } from '../src/load/plan.ts';
import { buildReport } from '../src/load/report.ts';
import { LoadRun } from '../src/load/run.ts';
import { findTarget, parseTarget } from '../src/load/target.ts';
import { completed } from '../src/plan/default-profile.ts';
import { planOf, type Plan } from '../src/plan/plan.ts';
import { parseProfile, type Figures } from '../src/plan/profile.ts';
import { targetOf, type Broker, type Target, type TargetName } from '../src/plan/target.ts';
import { serverCommand } from './harness/built-server.ts';
import { startProcess, type ServerProcess } from './harness/process.ts';
import { startRedis } from './harness/redis-server.ts';
import { SECRET } from './harness/tokens.ts';

/** Small enough for a test, and as large as memory has to be to be told from garbage. */
const SIZES = { connections: 5_000, topics: 2_000, effort: 0.1, restSeconds: 0.2, sessions: 300, beating: 50 };
const LEAST = 0.8;
const MOST = 1.2;
const ROOM = ['--set', 'websocket.accepts_per_second=100000'];
const SECONDS = 2;

let figures: Figures;

beforeAll(async () => {
  const command = [process.execPath, ...serverCommand()];
  const profile = await calibrate({ sizes: SIZES, command, redis: undefined, version: 'test', say: () => {} });
  figures = completed(parseProfile(JSON.stringify(profile), 'of this test')).figures;
}, 180_000);

interface Loaded {
  readonly sent: number;
  /** Of a delivery. */
  readonly bytes: number;
  /** The most that the server had meanwhile. */
  readonly resident: number;
}

/** By the load generator in threads of this process: another one would have a deadline. */
async function load(
  server: ServerProcess,
  { connections, topics, fan_out, payload, publish_rate }: Target,
): Promise<Loaded> {
  const pid = server.child.pid as number;
  const { target } = await findTarget(parseTarget(`ws://127.0.0.1:${server.port}/ws`));
  const plan: LoadPlan = {
    runId: 'abc123',
    target,
    connections,
    topics,
    subscribers: fan_out,
    publishers: Math.ceil(publish_rate / 50),
    pace: { kind: 'rate', perSecond: publish_rate },
    topicPrefix: `load.${String(payload).padStart(6, '0')}`,
    payloadBytes: payload,
    format: 'json',
    batching: false,
    ramp: { connections: 50, everyMs: 10 },
    warmUpMs: 0,
    durationMs: SECONDS * 1_000,
    settleMs: 500,
    threads: 1,
    storms: null,
    slowReaders: null,
  };
  const users = connections + plan.publishers;
  const run = new LoadRun(plan, { kind: 'secret', secret: SECRET, roles: ['user'], users });
  let resident = 0;
  const watch = setInterval(() => {
    resident = Math.max(resident, residentBytes(pid));
  }, 50);
  const outcome = await run.run().finally(() => clearInterval(watch));
  const report = buildReport(plan, outcome, { version: 'test', startedAt: new Date(), command: '' });
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  const { published, bytes, deliveries } = outcome.series.total;
  return { sent: published, bytes: bytes / deliveries, resident };
}

/** What a run is, as a target. */
function targetOfRun(numbers: Partial<Record<TargetName, number>>, broker: Broker): { target: Target; plan: Plan } {
  const target = targetOf({ ...numbers, retention_secs: SECONDS, nodes_lost: 0 }, broker);
  return { target, plan: planOf(target, figures) };
}

function expectWithin(real: number, planned: number): void {
  expect([planned / real, planned / real > LEAST && planned / real < MOST]).toEqual([planned / real, true]);
}

describe('what is planned is what runs, within a fifth', () => {
  test('memory of a node with more connections and longer messages than it was measured with, and bytes of its deliveries', async () => {
    const server = await startProcess(ROOM);
    const small = targetOfRun({ connections: 200, topics: 50, publish_rate: 200, fan_out: 4, payload: 128 }, 'memory');
    await load(server, small.target);
    const warm = residentBytes(server.child.pid as number);
    const numbers = { connections: 3_500, topics: 1_750, publish_rate: 400, fan_out: 2, payload: 6_000 };
    const { target, plan } = targetOfRun(numbers, 'memory');
    const { resident, bytes } = await load(server, target);
    await server.end();
    expectWithin(resident, plan.valueOf('resident_memory'));
    // What came with the load alone: connections, subscriptions, topics, messages.
    expectWithin(resident - warm, plan.valueOf('connection_memory') + plan.valueOf('log_memory'));
    expectWithin(bytes, target.payload + figures.frame_bytes);
  }, 120_000);

  test('memory and traffic of Redis', async () => {
    const server = await startRedis();
    const redis = await namedRedis(server.url);
    const node = await startProcess([...ROOM, '--set', `redis.url=${server.url}`]);
    const numbers = { connections: 40, topics: 40, publish_rate: 1_000, fan_out: 1, payload: 1_000 };
    const { target, plan } = targetOfRun(numbers, 'redis');
    const before = await redis.usage();
    const { sent } = await load(node, target);
    const after = await redis.usage();
    await node.end();
    expectWithin(after.memoryBytes - before.memoryBytes, plan.valueOf('redis_memory'));
    expectWithin((after.inBytes - before.inBytes) / sent, target.payload + figures.redis_in_bytes);
    const out = after.outBytes - before.outBytes - before.answerBytes;
    expectWithin(out / sent, target.payload + figures.redis_out_bytes);
  }, 120_000);
});
