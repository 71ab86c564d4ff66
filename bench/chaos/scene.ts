/** What publishers and subscribers share. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { benchToken } from '../tokens.ts';
import { ClientLink, type Frame } from './client-link.ts';
import type { Record } from './record.ts';

export interface Scene {
  readonly record: Record;
  readonly topics: readonly string[];
  /** WebSocket addresses of the nodes and of the proxy, and of the nodes alone. */
  readonly doors: readonly string[];
  readonly nodeDoors: readonly string[];
  /** Milliseconds since the run began. */
  readonly now: () => number;
}

/** Opens a connection through a random door, again and again until one opens or nobody wants it any more. */
export async function enter(
  doors: readonly string[],
  random: SeededRandom,
  user: string,
  onFrame: (frame: Frame) => void,
  isWanted: () => boolean,
): Promise<ClientLink | null> {
  const token = await benchToken(user);
  while (isWanted()) {
    const link = await ClientLink.open(random.pick(doors), token, onFrame);
    if (link !== null) return link;
    await pause(random.between(20, 300));
  }
  return null;
}
