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
export const VOID_ABOVE = 0.95;

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
export async function alternate<E extends Entry, R>(
  entries: readonly E[],
  plan: Plan,
  measure: (entry: E) => Promise<R>,
  describe: (result: R) => string,
): Promise<Map<string, R[]>> {
  const results = new Map<string, R[]>(entries.map(({ label }) => [label, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const entry of entries) {
      if (round >= Math.min(entry.rounds ?? plan.rounds, plan.rounds)) continue;
      try {
        const result = await measure(entry);
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

/** The ratio of the medians of one figure, or `null` when one side is missing. */
export function ratio<R>(
  results: ReadonlyMap<string, readonly R[]>,
  ours: string,
  theirs: string,
  figure: (result: R) => number,
): number | null {
  const [left, right] = [results.get(ours), results.get(theirs)];
  if (left === undefined || right === undefined || left.length === 0 || right.length === 0) return null;
  return median(left.map(figure)) / median(right.map(figure));
}
