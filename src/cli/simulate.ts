/** `signalbox simulate`: runs the core on virtual time against faults, and says which seed breaks a promise. */
import { describe, simulateSeed, type Finding } from '../simulation/simulate.ts';
import { REAL_PARTS, DISTRIBUTED_PARTS } from '../simulation/world.ts';
import { UsageError, type Command, type ExitCode } from './command.ts';

/** Findings shown in full; more would not help. */
const MAX_SHOWN = 3;

export const simulate: Command = {
  name: 'simulate',
  summary: 'Runs the real connection, router, broker and session code on virtual time against random faults.',
  usage: '[--seeds 1..1000 | --seed N] [--broker redis]',
  positionals: 0,
  options: {
    seeds: { type: 'string', value: 'A..B', help: 'run these seeds (default: 1..1000)' },
    seed: { type: 'string', value: 'N', help: 'run one seed and show its shortened schedule' },
    broker: { type: 'string', value: 'NAME', help: 'memory (default), or redis: two nodes over simulated links' },
    steps: { type: 'string', value: 'N', help: 'steps of a schedule before everything heals (default: 120)' },
  },
  run(args): ExitCode {
    const steps = whole(args.text('steps') ?? '120', '--steps');
    const broker = args.text('broker') ?? 'memory';
    if (broker !== 'memory' && broker !== 'redis')
      throw new UsageError(`expected --broker memory or redis, got ${broker}`);
    const one = args.text('seed');
    const [first, last] =
      one === undefined ? range(args.text('seeds') ?? '1..1000') : [whole(one, '--seed'), whole(one, '--seed')];
    const started = performance.now();
    const findings: Finding[] = [];
    for (let seed = first; seed <= last; seed += 1) {
      const finding = simulateSeed(seed, broker === 'redis' ? DISTRIBUTED_PARTS : REAL_PARTS, steps);
      if (finding === null) continue;
      findings.push(finding);
      if (findings.length <= MAX_SHOWN) show(finding, steps, broker);
    }
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    process.stdout.write(
      `${last - first + 1} schedules of ${steps} steps in ${seconds} s: ${findings.length} violations\n`,
    );
    return findings.length === 0 ? 0 : 1;
  },
};

function show({ seed, violation, schedule }: Finding, steps: number, broker: string): void {
  process.stdout.write(
    `seed ${seed} breaks "${violation.promise}"\n  ${violation.message}\n  shortest schedule that does:\n`,
  );
  for (const operation of schedule) process.stdout.write(`    ${describe(operation)}\n`);
  process.stdout.write(
    `  again: signalbox simulate --seed ${seed}${steps === 120 ? '' : ` --steps ${steps}`}${broker === 'memory' ? '' : ` --broker ${broker}`}\n\n`,
  );
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
