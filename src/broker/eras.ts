/** Which epoch a message belongs to, of a topic that has had several. */
import type { Era } from './topic-logs.ts';

/** Where a topic stands: its epoch, and those before it, newest first. */
export interface Eras extends Era {
  readonly lineage: readonly Era[];
}

/**
 * The epoch under which a message got its sequence. It keeps it for ever: who hears it now, from a log that goes on under
 * another epoch, gets the same position as who heard it then. Beyond the lineage the oldest epoch that is known stands
 * for all before it.
 */
export function epochAt(sequence: number, { epoch, first, lineage }: Eras): string {
  if (sequence >= first || lineage.length === 0) return epoch;
  const era = lineage.find((older) => sequence >= older.first) ?? lineage.at(-1);
  return era?.epoch ?? epoch;
}
