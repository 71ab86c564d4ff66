/** The benchmarks: each starts a server as a process of its own on one core and drives it from this process on another. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fanOut, type FanOutResult } from './fan-out.ts';
import { idle } from './idle.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const wants = (name: string): boolean => values.only === undefined || values.only === name;
const results: Record<string, unknown> = {
  date: new Date().toISOString(),
  machine: `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}`,
  node: process.version,
  rounds,
  seconds,
};

if (wants('w1')) results['w1'] = await fanOutRounds('W1   1 topic x 1,000 subscribers x 128 B, 64 in flight', 64);
if (wants('w1u')) results['w1u'] = await fanOutRounds('W1u  the same, 1 in flight', 1);
if (wants('w3')) {
  const result = await idle({ connections: 10_000, topics: 500 });
  results['w3'] = result;
  print(
    'W3   10,000 idle subscribed connections',
    `${Math.round(result.bytesPerConnection)} B resident each, ${Math.round(result.cpuMicrosecondsPerConnect)} µs CPU to accept, verify and subscribe each`,
  );
}

const directory = fileURLToPath(new URL('results/', import.meta.url));
mkdirSync(directory, { recursive: true });
const file = `${directory}${new Date().toISOString().slice(0, 10)}-${hostname()}.json`;
writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);

async function fanOutRounds(label: string, inFlight: number): Promise<FanOutResult[]> {
  const all: FanOutResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    all.push(await fanOut({ subscribers: 1_000, payloadBytes: 128, inFlight, seconds, warmUpSeconds: 1.5 }));
  }
  const figures = all.map(({ perServerCpuSecond }) => perServerCpuSecond);
  const wrong = all.reduce((sum, { outOfOrder, missing }) => sum + outOfOrder + missing, 0);
  const busiest = Math.max(...all.map(({ clientCpuShare }) => clientCpuShare));
  print(
    label,
    `${millions(median(figures))} deliveries per server CPU-second (median of ${rounds}; ${figures.map(millions).join(', ')}), ${wrong} lost or out of order, generator at most ${Math.round(busiest * 100)} % busy`,
  );
  return all;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function millions(value: number): string {
  return `${(value / 1e6).toFixed(2)} M`;
}

function print(label: string, text: string): void {
  process.stdout.write(`${label}\n     ${text}\n`);
}
