/** `signalbox plan`: from figures and a target to nodes, memory, Redis, settings, what a failure costs, and what breaks first. */
import { readFileSync } from 'node:fs';
import { ASSUMPTIONS } from '../plan/assumptions.ts';
import { completed, DEFAULT_PROFILE } from '../plan/default-profile.ts';
import { planOf, type Plan } from '../plan/plan.ts';
import { parseProfile, ProfileError, type Profile } from '../plan/profile.ts';
import { TargetError } from '../plan/target.ts';
import { inNumbers, planText } from '../plan/text.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { PLAN_OPTIONS, readGiven, readTarget } from './plan-options.ts';

export const plan: Command = {
  name: 'plan',
  summary: 'Plans nodes, memory, Redis and settings for a target, by formulas over measured figures.',
  usage:
    '[--profile FILE] --connections N --topics N --publish-rate N/s --fan-out N --payload BYTES --retention N|TIME',
  positionals: 0,
  options: PLAN_OPTIONS,
  run: (args) => usage(() => runPlan(args)),
};

function runPlan(args: Arguments): ExitCode {
  const target = readTarget(args);
  const { profile, warnings } = readProfile(args.text('profile'));
  const { figures, borrowed } = completed(profile);
  const source = { origin: profile.origin, warnings: [...warnings, ...borrowed] };
  const made = planOf(target, figures, readGiven(args));
  process.stdout.write(
    `${args.flag('json') ? json(made, source, figures) : planText(made, source, args.flag('short'))}\n`,
  );
  return 0;
}

function readProfile(file: string | undefined): { profile: Profile; warnings: readonly string[] } {
  if (file === undefined)
    return {
      profile: DEFAULT_PROFILE,
      warnings: [
        'these are the figures of another machine; ./signalbox load --calibrate --out profile.json measures those of this one, and plan --profile profile.json reckons with them',
      ],
    };
  return { profile: parseProfile(readText(file), file), warnings: [] };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ProfileError(`expected --profile as a file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function json(made: Plan, source: object, figures: object): string {
  const { target, parts, limits } = made;
  const shown = <T extends { readonly formula: string }>(row: T): T & { numbers: string } => ({
    ...row,
    numbers: inNumbers(row.formula, made),
  });
  const assumptions = Object.fromEntries(
    Object.entries(ASSUMPTIONS).map(([name, assumption]) => [name, { ...assumption, value: made.valueOf(name) }]),
  );
  const quantities = parts.flatMap(({ title, quantities: rows }) =>
    rows.map((row) => ({ part: title, ...shown(row) })),
  );
  return JSON.stringify({ ...source, target, quantities, limits: limits.map(shown), figures, assumptions }, null, 2);
}

/** A target or a file that is wrong is a fault of the command line. */
function usage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof TargetError || error instanceof ProfileError ? new UsageError(error.message) : error;
  }
}
