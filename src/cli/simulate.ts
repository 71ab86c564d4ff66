/** `signalbox simulate`: runs the core on virtual time against faults, and says which seed breaks a promise. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { simulateClients } from '../simulation/simulate-clients.ts';
import { describe, simulateSeed } from '../simulation/simulate.ts';
import type { Violation } from '../simulation/violation.ts';
import { REAL_PARTS, DISTRIBUTED_PARTS } from '../simulation/world.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';

/** Findings shown in full; more would not help. */
const MAX_SHOWN = 3;

interface Found {
  readonly violation: Violation;
  /** The shortened schedule, a step a line: without any of these steps the promise holds. */
  readonly steps: readonly string[];
}

interface Wanted {
  readonly first: number;
  readonly last: number;
  readonly steps: number;
  readonly broker: 'memory' | 'redis';
  readonly hasClients: boolean;
}

export const simulate: Command = {
  name: 'simulate',
  summary: 'Runs the real connection, router, broker and session code on virtual time against random faults.',
  usage: '[--seeds 1..1000 | --seed N] [--clients] [--broker redis]',
  positionals: 0,
  options: {
    seeds: { type: 'string', value: 'A..B', help: 'run these seeds (default: 1..1000)' },
    seed: { type: 'string', value: 'N', help: 'run one seed and show its shortened schedule' },
    clients: { type: 'boolean', help: 'with the client library in each world; a schedule is not shortened then' },
    broker: { type: 'string', value: 'NAME', help: 'memory (default), or redis: two nodes over simulated links' },
    steps: { type: 'string', value: 'N', help: 'steps of a schedule before everything heals (default: 120)' },
  },
  async run(args): Promise<ExitCode> {
    const wanted = read(args);
    const { first, last, steps } = wanted;
    const started = performance.now();
    let findings = 0;
    for (let seed = first; seed <= last; seed += 1) {
      const found = attempt(seed, wanted);
      if (found !== null && (findings += 1) <= MAX_SHOWN) show(seed, found, wanted);
      // Promises of a world keep it until they have settled: a thousand worlds were a fifth of a gigabyte.
      await nextTurn();
    }
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    process.stdout.write(`${last - first + 1} schedules of ${steps} steps in ${seconds} s: ${findings} violations\n`);
    return findings === 0 ? 0 : 1;
  },
};

function read(args: Arguments): Wanted {
  const steps = whole(args.text('steps') ?? '120', '--steps');
  const broker = args.text('broker') ?? 'memory';
  if (broker !== 'memory' && broker !== 'redis')
    throw new UsageError(`expected --broker memory or redis, got ${broker}`);
  const one = args.text('seed');
  const [first, last] =
    one === undefined ? range(args.text('seeds') ?? '1..1000') : [whole(one, '--seed'), whole(one, '--seed')];
  return { first, last, steps, broker, hasClients: args.flag('clients') };
}

function attempt(seed: number, { hasClients, broker, steps }: Wanted): Found | null {
  const parts = broker === 'redis' ? DISTRIBUTED_PARTS : REAL_PARTS;
  if (!hasClients) {
    const finding = simulateSeed(seed, parts, steps);
    return finding === null ? null : { violation: finding.violation, steps: finding.schedule.map(describe) };
  }
  const violation = simulateClients(seed, parts, steps);
  return violation === null ? null : { violation, steps: [] };
}

function show(seed: number, { violation, steps }: Found, wanted: Wanted): void {
  process.stdout.write(`seed ${seed} breaks "${violation.promise}"\n  ${violation.message}\n`);
  if (steps.length > 0) process.stdout.write(`  shortest schedule that does:\n`);
  for (const step of steps) process.stdout.write(`    ${step}\n`);
  const flags = [
    wanted.hasClients ? ' --clients' : '',
    wanted.steps === 120 ? '' : ` --steps ${wanted.steps}`,
    wanted.broker === 'memory' ? '' : ` --broker ${wanted.broker}`,
  ];
  process.stdout.write(`  again: signalbox simulate --seed ${seed}${flags.join('')}\n\n`);
}

function range(text: string): [number, number] {
  const match = /^(\d+)\.\.(\d+)$/.exec(text);
  if (match === null || Number(match[1]) > Number(match[2]))
    throw new UsageError(`expected --seeds like 1..1000, got ${JSON.stringify(text)}`);
  return [Number(match[1]), Number(match[2])];
}

function whole(text: string, flag: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`expected a whole number for ${flag}, got ${JSON.stringify(text)}`);
  return Number(text);
}
