/**
 * A short check of W1 against the raw corked loop, at equal bytes on the wire: below 0.6 something has made the hot path
 * slow. A ratio of one run, so it does not depend on the machine; rounds alternate, and it fails only when the median of
 * all rounds that fit into its time is too low, so that one disturbed round does no harm.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { median } from './statistics.ts';
import { fanOut } from './workloads/fan-out.ts';

const LEAST = 0.6;
const MIN_ROUNDS = 2;
const MAX_ROUNDS = 5;
const MAX_MS = 14_000;
/** What a delivery of 128 bytes of payload takes in JSON. */
const FRAME_BYTES = 318;

const options = { topics: 1, subscribersPerTopic: 500, load: { inFlight: 64 }, seconds: 0.6, warmUpSeconds: 0.6 };

process.exit(await guard());

async function guard(): Promise<number> {
  if (availableParallelism() < 2) return skip('there is only one core');
  if (spawnSync('taskset', ['-acp', '1', String(process.pid)], { stdio: 'ignore' }).status !== 0)
    return skip('taskset does not work here');
  const started = performance.now();
  const ratios: number[] = [];
  while (ratios.length < MAX_ROUNDS && (ratios.length < MIN_ROUNDS || performance.now() - started < MAX_MS)) {
    const raw = await fanOut('raw-cork', { ...options, payloadBytes: FRAME_BYTES });
    const ours = await fanOut('signalbox-json', { ...options, payloadBytes: 128 });
    if (ours.faults > 0) return say(`${ours.faults} messages were lost, duplicated or refused`, 1);
    ratios.push(ours.perServerCpuSecond / raw.perServerCpuSecond);
    if (ratios.length >= MIN_ROUNDS && median(ratios) >= LEAST) break;
  }
  const reached = median(ratios);
  const text = `W1 is ${reached.toFixed(2)} x the raw corked loop at equal bytes (rounds: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`;
  return reached >= LEAST
    ? say(text, 0)
    : say(`${text}; expected at least ${LEAST}: something made the hot path slow`, 1);
}

function skip(why: string): number {
  return say(`skipped, ${why}`, 0);
}

function say(text: string, code: number): number {
  process.stdout.write(`bench guard: ${text}\n`);
  return code;
}
