/** `bench/run.ts --against <checkout>`: every chosen contest, and its ratios as a table. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan } from '../section.ts';
import { CONTESTS } from './contests.ts';
import { hold, type Contest } from './contest.ts';
import { compare, verdict, type Comparison } from './ratios.ts';

export interface Against {
  /** The state of the other checkout, and of this one. */
  readonly before: string;
  readonly now: string;
  readonly comparisons: readonly Comparison[];
}

/** @throws when there is no server in that place */
export async function against(checkout: string, chosen: readonly string[] | null, plan: Plan): Promise<Against> {
  const theirs = resolve(checkout);
  const ours = fileURLToPath(new URL('../..', import.meta.url));
  if (!existsSync(join(theirs, 'signalbox')))
    throw new Error(`expected a checkout of Signalbox in ${theirs}: it has no ./signalbox`);
  const [before, now] = [describe(theirs), describe(ours)];
  plan.say(`against ${theirs} (${before}); this is ${now}`);
  const comparisons: Comparison[] = [];
  for (const contest of CONTESTS) {
    if (chosen !== null && !chosen.includes(contest.id)) continue;
    const started = performance.now();
    const found = await attempt(contest, { ours, theirs }, plan);
    comparisons.push(...found);
    for (const each of found) plan.say(`  ${line(each)}`);
    plan.say(`    (${Math.round((performance.now() - started) / 1_000)} s)`);
  }
  return { before, now, comparisons };
}

/** One contest that fails must not cost the others their figures; it is missing from the table, visibly. */
async function attempt(
  contest: Contest,
  checkouts: { ours: string; theirs: string },
  plan: Plan,
): Promise<Comparison[]> {
  try {
    return compare(contest, await hold(contest, checkouts, plan));
  } catch (error) {
    plan.say(`  ${contest.title} FAILED: ${String(error)}`);
    return [];
  }
}

function line(each: Comparison): string {
  const [low, high] = each.quartiles;
  return `${`${each.contest}: ${each.figure}`.padEnd(64)} × ${each.ratio.toFixed(3)} (middle half ${low.toFixed(2)} – ${high.toFixed(2)}, 95 % sure ${each.sure.map((value) => value.toFixed(3)).join(' – ')}, ${each.pairs} pairs) ${verdict(each)}`;
}

function describe(checkout: string): string {
  const git = (...words: string[]): string =>
    spawnSync('git', ['-C', checkout, ...words], { encoding: 'utf8' }).stdout.trim();
  const commit = git('rev-parse', '--short', 'HEAD');
  if (commit === '') return 'no commit known';
  return git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'package-lock.json') === ''
    ? commit
    : `${commit} with changes`;
}
