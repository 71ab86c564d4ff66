/** From pairs of slices to one line for each figure: the middle of the paired ratios, and how far they spread. */
import { isVoid as isOneVoid } from '../entry.ts';
import type { Table } from '../section.ts';
import { median, quantile, short } from '../statistics.ts';
import type { Better, Contest, Pair } from './contest.ts';

export interface Comparison {
  readonly contest: string;
  readonly figure: string;
  readonly better: Better;
  readonly ours: number;
  readonly theirs: number;
  /** How many times as good as the other checkout: above 1 is better, whatever the figure. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
  /** With 95 % certainty the middle of all ratios that could be measured lies between these. */
  readonly sure: readonly [number, number];
  readonly pairs: number;
  /** Pairs in which the generator was the limit at least once. They are counted, because it was for both sides. */
  readonly voids: number;
  readonly faults: number;
}

/** With fewer, no interval holds the middle with 95 % certainty. */
const LEAST_PAIRS = 6;
/** A figure that has become this much worse is no accident any more. */
const NO_WORSE = 0.97;

export function compare(contest: Contest, pairs: readonly Pair[]): Comparison[] {
  return Object.entries(contest.figures).map(([figure, better]) => {
    const ours = pairs.map((pair) => pair.ours.figures[figure] ?? Number.NaN);
    const theirs = pairs.map((pair) => pair.theirs.figures[figure] ?? Number.NaN);
    const ratios = ours.map((value, at) => {
      const other = theirs[at] as number;
      return better === 'more' ? value / other : other / value;
    });
    return {
      contest: contest.title,
      figure,
      better,
      ours: median(ours),
      theirs: median(theirs),
      ratio: median(ratios),
      quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      sure: sureOfMedian(ratios),
      pairs: pairs.length,
      voids: pairs.filter((pair) => isVoid(pair)).length,
      faults: pairs.reduce((sum, pair) => sum + pair.ours.faults + pair.theirs.faults, 0),
    };
  });
}

export function comparisonTable(comparisons: readonly Comparison[]): Table {
  return {
    columns: ['work', 'figure', 'before', 'now', 'ratio', 'middle half', '95 % sure', 'pairs', 'verdict'],
    rows: comparisons.map((each) => [
      each.contest,
      each.figure,
      short(each.theirs),
      short(each.ours),
      `**${each.ratio.toFixed(3)}**`,
      each.quartiles.map((value) => value.toFixed(2)).join(' – '),
      each.sure.map((value) => value.toFixed(3)).join(' – '),
      `${each.pairs}${each.voids > 0 ? `, ${each.voids} void` : ''}`,
      verdict(each),
    ]),
  };
}

/** Says `not resolved` where the rounds spread so far that 3 % cannot be told. */
export function verdict({ ratio, sure, pairs, faults }: Comparison): string {
  if (faults > 0) return `**${faults} wrong**`;
  if (pairs < LEAST_PAIRS) return 'too few pairs';
  if (sure[0] > 1) return 'better';
  if (sure[1] < NO_WORSE) return '**worse**';
  if (sure[0] >= NO_WORSE) return 'no worse';
  return ratio >= NO_WORSE ? 'no worse, not resolved' : 'not resolved';
}

function isVoid({ ours, theirs }: Pair): boolean {
  return isOneVoid(ours) || isOneVoid(theirs);
}

/** From the order of the ratios alone: half of all lie below the middle, so the count of those below it is a coin's. */
function sureOfMedian(ratios: readonly number[]): [number, number] {
  const sorted = ratios.toSorted((a, b) => a - b);
  const reach = 0.98 * Math.sqrt(sorted.length);
  const low = Math.max(0, Math.floor(sorted.length / 2 - reach));
  const high = Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + reach) - 1);
  return [sorted[low] ?? Number.NaN, sorted[high] ?? Number.NaN];
}
