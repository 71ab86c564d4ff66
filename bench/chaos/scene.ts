/** What publishers and subscribers share. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { benchToken } from '../tokens.ts';
import { ClientLink, type Frame } from './client-link.ts';
import type { Record } from './record.ts';

export interface Scene {
  readonly record: Record;
  readonly topics: readonly string[];
  /** WebSocket addresses of the nodes and of the proxy. */
  readonly doors: readonly string[];
  /** Milliseconds since the run began. */
  readonly now: () => number;
}

/** Opens a connection through a random door, again and again until one opens or nobody wants it any more. */
export async function enter(
  scene: Scene,
  random: SeededRandom,
  user: string,
  onFrame: (frame: Frame) => void,
  isWanted: () => boolean,
): Promise<ClientLink | null> {
  const token = await benchToken(user);
  while (isWanted()) {
    const link = await ClientLink.open(random.pick(scene.doors), token, onFrame);
    if (link !== null) return link;
    await pause(random.between(20, 300));
  }
  return null;
}
