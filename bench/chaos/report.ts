/** What is printed at the end: one verdict, and how to see it again. */
import type { Verdict } from './checks.ts';
import { replayOf, type ChaosOptions } from './options.ts';
import type { Record } from './record.ts';

/** The first ones tell what is wrong; the rest is the same again. */
const SHOWN = 25;

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printReport(record: Record, verdict: Verdict, options: ChaosOptions): void {
  const events = [...record.heard.values()].flat();
  const received = events.filter(({ kind }) => kind === 'received').length;
  const gaps = events.flatMap((event) => (event.kind === 'gap' ? [event.cause] : []));
  for (const violation of verdict.violations.slice(0, SHOWN)) print(`VIOLATION ${violation}`);
  const hidden = verdict.violations.length - SHOWN;
  if (hidden > 0) print(`… and ${hidden} more`);
  print(
    `sent ${record.sent.length}, acknowledged ${record.acknowledged.length}, received ${received} by ${record.heard.size} ` +
      `subscribers, gaps ${countOf(gaps)}; acknowledged and then lost by Redis: ${verdict.announced} told by a Gap, ${verdict.forgotten} by a new epoch only`,
  );
  printRecoveries(verdict);
  const outcome = verdict.violations.length === 0 ? 'holds' : `VIOLATED ${verdict.violations.length} times`;
  print(`chaos: ${outcome}; ${record.disturbances.length} faults; again: ${replayOf(options)}`);
}

/** Of each how many, the most frequent first. */
function countOf(names: readonly string[]): string {
  const counts = [...Map.groupBy(names, (name) => name)].map(([name, { length }]) => ({ name, length }));
  if (counts.length === 0) return 'none';
  return counts
    .toSorted((a, b) => b.length - a.length)
    .map(({ name, length }) => `${length} ${name}`)
    .join(', ');
}

function printRecoveries({ recoveries }: Verdict): void {
  for (const [name, all] of Map.groupBy(recoveries, ({ name }) => name)) {
    const times = all.map(({ ms, isDisturbed }) =>
      ms === null ? 'never' : `${Math.round(ms)}${isDisturbed ? ' (the next fault had begun)' : ''}`,
    );
    print(`recovered after ${name} within ${times.join(', ')} ms`);
  }
}
