/**
 * A plan against what really runs: figures are measured at one size, a load runs at others, and what does not depend on how
 * busy the machine is has to come out as planned, within a fifth. Processor time does depend on it: bench/plan/run.ts has that.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { calibrate } from '../src/load/calibrate/calibrate.ts';
import { namedRedis } from '../src/load/calibrate/redis-server.ts';
import { residentBytes } from '../src/load/process-figures.ts';
import type { LoadReport } from '../src/load/report.ts';
import { completed } from '../src/plan/default-profile.ts';
import { planOf, type Plan } from '../src/plan/plan.ts';
import { parseProfile, type Figures } from '../src/plan/profile.ts';
import { targetOf, type Broker, type TargetName } from '../src/plan/target.ts';
import { serverCommand } from './harness/built-server.ts';
import { signalbox, startProcess, type ServerProcess } from './harness/process.ts';
import { startRedis } from './harness/redis-server.ts';
import { SECRET } from './harness/tokens.ts';

/** Small enough for a test, and as large as memory has to be to be told from garbage. */
const SIZES = { connections: 2_500, topics: 2_000, effort: 0.1, restSeconds: 0.2, sessions: 300, beating: 50 };
const LEAST = 0.8;
const MOST = 1.2;
const ROOM = ['--set', 'websocket.accepts_per_second=100000'];
const SECONDS = 2;

let directory = '';
let figures: Figures;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-plan-'));
  const command = [process.execPath, ...serverCommand()];
  const profile = await calibrate({ sizes: SIZES, command, redis: undefined, version: 'test', say: () => {} });
  figures = completed(parseProfile(JSON.stringify(profile), 'of this test')).figures;
}, 180_000);

afterAll(() => {
  rmSync(directory, { recursive: true });
});

interface Loaded {
  readonly report: LoadReport;
  /** The most that the server had meanwhile. */
  readonly resident: number;
}

async function load(server: ServerProcess, ...args: readonly string[]): Promise<Loaded> {
  const json = join(directory, 'report.json');
  const pid = server.child.pid as number;
  let resident = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      resident = Math.max(resident, residentBytes(pid));
      await delay(50);
    }
  })();
  const url = `ws://127.0.0.1:${server.port}/ws`;
  const fixed = ['--threads', '1', '--settle', '500ms', '--warm-up', '0s', '--ramp', '100/10ms', '--json', json];
  const { err, code } = await signalbox(['load', '--url', url, ...fixed, ...args], { JWT_SECRET: SECRET });
  isOver = true;
  await watching;
  expect(err).not.toContain('signalbox: ');
  expect(code).toBe(0);
  return { report: JSON.parse(readFileSync(json, 'utf8')) as LoadReport, resident };
}

/** The flags of a run, and the target that it is. */
function runOf(numbers: Partial<Record<TargetName, number>>, broker: Broker): { flags: string[]; plan: Plan } {
  const { connections, topics, publish_rate, fan_out, payload } = targetOf(numbers);
  const target = targetOf({ ...numbers, retention_secs: SECONDS, nodes_lost: 0 }, broker);
  const flags = {
    '--connections': connections,
    '--topics': topics,
    '--subscribers': fan_out,
    '--rate': publish_rate,
    '--payload': payload,
    '--duration': `${SECONDS}s`,
  };
  return {
    flags: Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)]),
    plan: planOf(target, figures),
  };
}

function expectWithin(real: number, planned: number): void {
  expect([planned / real, planned / real > LEAST && planned / real < MOST]).toEqual([planned / real, true]);
}

describe('what is planned is what runs, within a fifth', () => {
  test('memory of a node with more connections and longer messages than it was measured with, and bytes of its deliveries', async () => {
    const server = await startProcess(ROOM);
    await load(
      server,
      ...runOf({ connections: 200, topics: 50, publish_rate: 200, fan_out: 4, payload: 128 }, 'memory').flags,
    );
    const warm = residentBytes(server.child.pid as number);
    const target = { connections: 4_000, topics: 2_000, publish_rate: 400, fan_out: 2, payload: 6_000 };
    const { flags, plan } = runOf(target, 'memory');
    const { report, resident } = await load(server, ...flags);
    await server.end();
    console.log(
      warm,
      resident,
      plan.valueOf('resident_memory'),
      plan.valueOf('node_bytes'),
      plan.valueOf('log_memory'),
      plan.valueOf('connection_memory'),
    );
    expectWithin(resident, plan.valueOf('resident_memory'));
    // What came with the load alone: connections, subscriptions, topics, messages.
    expectWithin(resident - warm, plan.valueOf('connection_memory') + plan.valueOf('log_memory'));
    expectWithin(report.deliveries.bytesPerSecond / report.deliveries.perSecond, target.payload + figures.frame_bytes);
  }, 60_000);

  test('memory and bandwidth of Redis', async () => {
    const server = await startRedis();
    const redis = await namedRedis(server.url);
    const node = await startProcess([...ROOM, '--set', `redis.url=${server.url}`]);
    const target = { connections: 40, topics: 40, publish_rate: 1_000, fan_out: 1, payload: 1_000 };
    const { flags, plan } = runOf(target, 'redis');
    const before = await redis.usage();
    const { report } = await load(node, ...flags);
    const after = await redis.usage();
    const { sent } = report.publishes;
    console.log(
      [
        after.memoryBytes - before.memoryBytes,
        plan.valueOf('redis_memory'),
        (after.inBytes - before.inBytes) / sent,
        target.payload + figures.redis_in_bytes,
        (after.outBytes - before.outBytes - before.answerBytes) / sent,
        target.payload + figures.redis_out_bytes,
      ].join(),
    );
    expectWithin(after.memoryBytes - before.memoryBytes, plan.valueOf('redis_memory'));
    expectWithin((after.inBytes - before.inBytes) / sent, target.payload + figures.redis_in_bytes);
    expectWithin(
      (after.outBytes - before.outBytes - before.answerBytes) / sent,
      target.payload + figures.redis_out_bytes,
    );
    await node.end();
  }, 60_000);
});
