/** One line of a comparison: a server with its options; and the alternation that makes the lines comparable. */
import { SERVERS, type ServerName, type Settings } from './servers.ts';
import type { Plan } from './section.ts';
import { median } from './statistics.ts';

export interface Entry {
  readonly server: ServerName;
  readonly label: string;
  readonly payloadBytes?: number;
  readonly settings?: Settings;
  /** For servers whose distance is so large that fewer rounds show it. */
  readonly rounds?: number;
}

/** A generator that is busier than this may have been the limit, so that the figure says nothing of the server. */
const VOID_ABOVE = 0.95;

/** So often a server's rounds are measured again, all its rounds together, because the generator was the limit. */
const AGAIN = 3;

export function isVoid(result: object): boolean {
  return 'generatorCpuShare' in result && Number(result.generatorCpuShare) > VOID_ABOVE;
}

/** Those that say something of the server. */
export function valid<R extends object>(results: readonly R[] | undefined): readonly R[] {
  return (results ?? []).filter((result) => !isVoid(result));
}

/** Leaves out what cannot be run on this machine, with one line each. */
export function available<E extends Entry>(entries: readonly E[], plan: Plan): E[] {
  const said = new Set<string>();
  return entries.filter(({ server, label }) => {
    if (plan.servers !== null && !plan.servers.includes(server)) return false;
    const why = SERVERS[server].missing();
    if (why !== null && !said.has(why)) {
      said.add(why);
      plan.say(`skipped: ${label}: ${why}`);
    }
    return why === null;
  });
}

/** Measures all entries in turn, round by round, so that whatever disturbs the machine meets all of them alike. */
export async function alternate<E extends Entry, R extends object>(
  entries: readonly E[],
  plan: Plan,
  measure: (entry: E) => Promise<R>,
  describe: (result: R) => string,
): Promise<Map<string, R[]>> {
  const results = new Map<string, R[]>(entries.map(({ label }) => [label, []]));
  const repeats = new Map<string, number>();
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const entry of entries) {
      if (round >= Math.min(entry.rounds ?? plan.rounds, plan.rounds)) continue;
      try {
        let result = await measure(entry);
        for (let left = AGAIN - (repeats.get(entry.label) ?? 0); left > 0 && isVoid(result); left -= 1) {
          repeats.set(entry.label, AGAIN - left + 1);
          plan.say(`  ${round + 1}/${plan.rounds} ${entry.label.padEnd(44)} void, again: ${describe(result)}`);
          result = await measure(entry);
        }
        results.get(entry.label)?.push(result);
        plan.say(`  ${round + 1}/${plan.rounds} ${entry.label.padEnd(44)} ${describe(result)}`);
      } catch (error) {
        // One peer that fails must not cost the others their figures; it is missing from the table, visibly.
        plan.say(`  ${round + 1}/${plan.rounds} ${entry.label.padEnd(44)} FAILED: ${String(error)}`);
      }
    }
  }
  return results;
}

/** The ratio of the medians of one figure, or `null` when one side is missing, or void in half of its rounds or more. */
export function ratio<R extends object>(
  results: ReadonlyMap<string, readonly R[]>,
  ours: string,
  theirs: string,
  figure: (result: R) => number,
): number | null {
  const [left, right] = [valid(results.get(ours)), valid(results.get(theirs))];
  const isEnough = (label: string, found: readonly R[]): boolean =>
    found.length > 0 && found.length * 2 > (results.get(label)?.length ?? 0);
  if (!isEnough(ours, left) || !isEnough(theirs, right)) return null;
  return median(left.map(figure)) / median(right.map(figure));
}
