/**
 * A plan against the processor time of a real load: figures are measured, or read from a profile, and loads of other numbers are
 * run with the load generator. Memory and bytes are held by test/plan.test.ts; processor time depends on what else a machine does.
 * Run: node bench/plan/run.ts [--profile profile.json] [--seconds 4]
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { calibrate } from '../../src/load/calibrate/calibrate.ts';
import { CALIBRATION_SECRET, OWN_COMMAND, startOwnServer } from '../../src/load/calibrate/own-server.ts';
import { QUICK } from '../../src/load/calibrate/rig.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import { cpuSecondsAtRest } from '../../src/load/process-figures.ts';
import { LoadRun, type Phase } from '../../src/load/run.ts';
import { findTarget, parseTarget } from '../../src/load/target.ts';
import { completed } from '../../src/plan/default-profile.ts';
import { planOf } from '../../src/plan/plan.ts';
import { parseProfile, type Figures } from '../../src/plan/profile.ts';
import { targetOf } from '../../src/plan/target.ts';

const { values } = parseArgs({ options: { profile: { type: 'string' }, seconds: { type: 'string', default: '4' } } });
const COMMAND = {
  command: [process.execPath, '--max-semi-space-size=4', '--v8-pool-size=1', ...OWN_COMMAND.slice(-1)],
};
const TRIES = 3;

/** None of them is a round of the calibration. */
const LOADS = [
  { connections: 40, topics: 1, fan_out: 40, payload: 400 },
  { connections: 250, topics: 1, fan_out: 250, payload: 1_000 },
  { connections: 600, topics: 200, fan_out: 3, payload: 200 },
] as const;

const figures = await readFigures();
for (const load of LOADS) {
  const runs: number[] = [];
  for (let at = 0; at < TRIES; at += 1) runs.push(await measured(load));
  const real = Math.min(...runs);
  const { topics, fan_out, payload, connections } = load;
  const plan = planOf(targetOf({ connections, topics, fan_out, payload, publish_rate: 1 }, 'memory'), figures);
  const planned = plan.valueOf('publication_us') + fan_out * plan.valueOf('delivery_us');
  process.stdout.write(
    `${connections} connections, ${fan_out} subscribers, ${payload} bytes: planned ${planned.toFixed(0)} µs a publication, real ${runs.map((each) => each.toFixed(0)).join(', ')} µs; planned ÷ least ${(planned / real).toFixed(2)}\n`,
  );
}
process.exit(0);

async function readFigures(): Promise<Figures> {
  const { profile } = values;
  if (profile !== undefined) return completed(parseProfile(readFileSync(profile, 'utf8'), profile)).figures;
  const say = (what: string): void => void process.stderr.write(`${what}\n`);
  return completed(await calibrate({ sizes: QUICK, ...COMMAND, redis: undefined, version: 'bench', say })).figures;
}

/** One publication in flight, so that nothing is joined. @returns µs of the server for each */
async function measured({ connections, topics, fan_out, payload }: (typeof LOADS)[number]): Promise<number> {
  const server = await startOwnServer(COMMAND);
  try {
    const { target } = await findTarget(parseTarget(`ws://127.0.0.1:${server.port}/ws`));
    const plan: LoadPlan = {
      runId: 'abc123',
      target,
      connections,
      topics,
      subscribers: fan_out,
      publishers: 1,
      pace: { kind: 'window', inFlight: 1 },
      topicPrefix: 'load.abc123',
      payloadBytes: payload,
      format: 'json',
      batching: false,
      ramp: { connections: 10, everyMs: 10 },
      warmUpMs: 2_000,
      durationMs: Number(values.seconds) * 1_000,
      settleMs: 500,
      threads: 1,
      storms: null,
      slowReaders: null,
    };
    const users = connections + 1;
    const run = new LoadRun(plan, { kind: 'secret', secret: CALIBRATION_SECRET, roles: ['user'], users });
    const outcome = run.run();
    const reached = async (phase: Phase): Promise<number> => {
      while (run.phase !== phase && run.phase !== 'done') await delay(2);
      return cpuSecondsAtRest(server.pid);
    };
    const before = await reached('measuring');
    const after = await reached('settling');
    const { series } = await outcome;
    const published = series.seconds.reduce((sum, second) => sum + second.published, 0);
    return ((after - before) * 1e6) / published;
  } finally {
    await server.stop();
  }
}
