/** The message trace in a share of the worlds. */
import type { TraceLimits } from '../telemetry/message-trace.ts';
import { SeededRandom } from './seeded-random.ts';

export interface Traced {
  readonly limits: TraceLimits;
  readonly patterns: readonly string[];
  /** In virtual milliseconds; `null` for no end. */
  readonly until: number | null;
}

/** What a world traces. Not the world's own randomness: tracing must change nothing that happens. */
export function drawTraced(seed: number): Traced | null {
  const random = new SeededRandom(seed ^ 0x7ace);
  if (random.chance(0.5)) return null;
  return {
    limits: { messages: random.pick([3, 20, 1_000]), recipients: random.pick([1, 2, 100]) },
    patterns: random.pick([['chat.**'], ['chat.a', 'chat.b'], ['chat.*', 'typing.**', '@user:user0'], ['chat.c']]),
    until: random.chance(0.1) ? random.between(1_000, 20_000) : null,
  };
}
