/** `signalbox load --calibrate`: measures the figures of a plan on this machine and writes them to a file. */
import { writeFileSync } from 'node:fs';
import { calibrate } from '../load/calibrate/calibrate.ts';
import { FULL, QUICK } from '../load/calibrate/rig.ts';
import { FIGURE_NAMES, FIGURES } from '../plan/figures.ts';
import { formatted } from '../plan/units.ts';
import { UsageError, type Arguments, type ExitCode } from './command.ts';
import { OF_CALIBRATION } from './load-options.ts';
import { expectDescriptors, expectWritable } from './load-files.ts';
import { version } from './version.ts';

/** Other flags would say nothing beside --calibrate. */
const OWN: ReadonlySet<string> = new Set(['calibrate', ...OF_CALIBRATION]);
/** Connections that are open beside the crowd. */
const OTHER_PEERS = 300;

/** @throws UsageError */
export async function runCalibration(args: Arguments, names: readonly string[]): Promise<ExitCode> {
  const stranger = names.find((name) => !OWN.has(name) && (args.text(name) !== undefined || args.flag(name)));
  if (stranger !== undefined)
    throw new UsageError(
      `expected --calibrate with --quick, --out and --redis only, got --${stranger}: it chooses its load itself`,
    );
  const out = args.text('out') ?? 'profile.json';
  expectWritable([out]);
  const sizes = args.flag('quick') ? QUICK : FULL;
  expectDescriptors(sizes.connections + OTHER_PEERS);
  const started = performance.now();
  const say = (what: string): void => {
    process.stderr.write(`${String(Math.round((performance.now() - started) / 1_000)).padStart(4)} s  ${what}\n`);
  };
  const profile = await calibrate({ sizes, redis: args.text('redis'), version, say });
  writeFileSync(out, `${JSON.stringify(profile, null, 2)}\n`);
  for (const name of FIGURE_NAMES) {
    const value = profile.figures[name];
    if (value === undefined) continue;
    const { unit, says } = FIGURES[name];
    process.stdout.write(`${name.padEnd(26)} ${formatted(value, unit).padStart(16)}   ${says}\n`);
  }
  for (const note of profile.origin.notes) process.stdout.write(`note: ${note}\n`);
  process.stdout.write(`written: ${out}; ./signalbox plan --profile ${out} reckons with it\n`);
  return 0;
}
