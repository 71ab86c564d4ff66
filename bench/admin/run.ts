/**
 * Administration of a node under load: 10,000 connections, of which 1,000 get W1 as fast as the server can, once with an
 * operator who asks ten times a second and once without, in turn.
 * Run: taskset -c 1 node bench/admin/run.ts [--rounds 3] [--seconds 8]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client } from '../generator/client.ts';
import { Tally } from '../generator/tally.ts';
import { SERVERS } from '../servers.ts';
import { median } from '../statistics.ts';
import { benchToken } from '../tokens.ts';
import { fanOut, openAll, type FanOutResult } from '../workloads/fan-out.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '8' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const IDLE = 9_000;
const ADMIN_TOKEN = 'an admin token for benchmarks only, 32 bytes';
const OPERATOR = fileURLToPath(new URL('operator.ts', import.meta.url));

interface Answers {
  readonly count: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const answers: Answers[] = [];
const alone: FanOutResult[] = [];
const asked: FanOutResult[] = [];
for (let round = 0; round < rounds; round += 1) {
  alone.push(await run(false));
  asked.push(await run(true));
}
const rate = (results: readonly FanOutResult[]): number => median(results.map((result) => result.perServerCpuSecond));
const perSecond = (results: readonly FanOutResult[]): number => median(results.map((result) => result.perSecond));
const faults = [...alone, ...asked].reduce((sum, result) => sum + result.faults, 0);
const figures = {
  connections: IDLE + 1_000,
  rounds,
  seconds,
  answers: answers.reduce((sum, { count }) => sum + count, 0),
  refused: answers.reduce((sum, { failed }) => sum + failed, 0),
  p50_ms: median(answers.map(({ p50 }) => p50)),
  p99_ms: median(answers.map(({ p99 }) => p99)),
  max_ms: Math.max(...answers.map(({ max }) => max)),
  deliveries_per_second: {
    alone: perSecond(alone),
    asked: perSecond(asked),
    ratio: perSecond(asked) / perSecond(alone),
  },
  per_cpu_second: { alone: rate(alone), asked: rate(asked), ratio: rate(asked) / rate(alone) },
  faults,
};
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);

/** One run; the operator's answers are kept when there is one. */
async function run(isAsked: boolean): Promise<FanOutResult> {
  return fanOut('signalbox-json', {
    topics: 1,
    subscribersPerTopic: 1_000,
    payloadBytes: 128,
    load: { inFlight: 64 },
    seconds,
    warmUpSeconds: 2,
    settings: { 'admin.token': ADMIN_TOKEN },
    beside: async (port) => {
      const idle = await openIdle(port);
      const end = isAsked ? operate(port) : async () => {};
      return async () => {
        await end();
        for (const client of idle) client.destroy();
      };
    },
  });
}

async function openIdle(port: number): Promise<Client[]> {
  const wire = SERVERS['signalbox-json'].wire(128);
  const token = await benchToken('idle');
  const tally = new Tally();
  return openAll(
    Array.from({ length: IDLE }, (_, at) => ({
      port,
      wire,
      topic: `idle.${at % 500}`,
      token,
      tally,
      role: 'subscriber' as const,
    })),
  );
}

/** A process of its own, because this one is busy and would count its own delays. */
function operate(port: number): () => Promise<void> {
  const argv = [OPERATOR, String(port)];
  const child = spawn(process.execPath, argv, {
    env: { ...process.env, ADMIN_TOKEN },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return async () => {
    child.stdin.end();
    await once(child, 'close');
    answers.push(JSON.parse(output) as Answers);
  };
}
