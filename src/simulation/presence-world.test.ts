import { describe, expect, test } from 'vitest';
import { MemoryPresenceStore } from '../presence/memory.ts';
import { Presence } from '../presence/presence.ts';
import { Upkeep } from '../presence/upkeep.ts';
import { expectFound } from '../../test/kit/found-by.ts';
import { REAL_PRESENCE, type PresenceWorldParts } from './presence-node.ts';
import { PresenceWorld } from './presence-world.ts';
import { Violation } from './violation.ts';

const STEPS = 80;

function problemOf(seed: number, parts: PresenceWorldParts): string | null {
  try {
    new PresenceWorld(seed, parts).run(STEPS);
    return null;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return error.message;
  }
}

test(
  'seeds: calls lost, nodes killed, drained and cut off, data lost, clients that flap and move',
  { timeout: 60_000 },
  () => {
    for (let seed = 1; seed <= 200; seed += 1) expect(problemOf(seed, REAL_PRESENCE), `seed ${seed}`).toBeNull();
  },
);

describe('planted bugs are found', () => {
  /** The old connection leaves although its user is back. */
  class LateLeave extends Presence {
    override closed(key: string): void {
      super.closed(key, true);
    }
  }

  class NoDrain extends Presence {
    override drain(): void {}

    override closed(key: string, isKicked: boolean): void {
      for (const topic of this.topicsOf(key)) this.leave(key, topic, 'left', null);
      super.closed(key, isKicked);
    }
  }

  /** Lost entries are never told again. */
  class Forgetful extends Presence {
    override beginAnew(): void {}
  }

  /** A dead node's entries stay for ever. */
  class NoReaper extends Upkeep {
    override start(): void {}
  }

  /** The owner is removed before everybody was told anew. */
  class Hasty extends Presence {
    override get isUntold(): boolean {
      return false;
    }
  }

  /** An ended owner goes on writing. */
  class NoTombstones extends MemoryPresenceStore {
    override end(...[owner, reply]: Parameters<MemoryPresenceStore['end']>): void {
      super.end(owner, reply);
      (this as unknown as { ended: Set<string> }).ended.clear();
    }

    override remove(...args: Parameters<MemoryPresenceStore['remove']>): void {
      super.remove(...args);
      (this as unknown as { ended: Set<string> }).ended.clear();
    }
  }

  /** A batch that comes again counts again. */
  class CountsTwice extends MemoryPresenceStore {
    override apply(...[batch, reply]: Parameters<MemoryPresenceStore['apply']>): void {
      this.batches += 1;
      const changes = batch.changes.map((change) => ({ ...change, entry: `${change.entry}#${this.batches}` }));
      super.apply({ ...batch, changes }, reply);
    }

    private batches = 0;
  }

  /** The index forgets a topic: what a dead owner had there is never found. */
  class LostIndex extends MemoryPresenceStore {
    override topicsOf(...[, , reply]: Parameters<MemoryPresenceStore['topicsOf']>): void {
      reply([]);
    }
  }

  /** Nothing is told again that another server has lost. */
  class Blind extends Upkeep {
    constructor(...[options, parts]: ConstructorParameters<typeof Upkeep>) {
      const { store } = parts;
      const look: typeof store.look = (reply) =>
        store.look((answer) => reply('era' in answer ? { ...answer, era: 'the same' } : answer));
      super(options, { ...parts, store: { ...store, look } });
    }
  }

  test.each<[string, Partial<PresenceWorldParts>]>([
    ['leaves at once when a connection breaks', { presence: (...args) => new LateLeave(...args) }],
    ['leaves at drain', { presence: (...args) => new NoDrain(...args) }],
    ['does not tell lost entries again', { presence: (...args) => new Forgetful(...args) }],
    ['does not notice another server', { upkeep: (...args) => new Blind(...args) }],
    ['removes nobody', { upkeep: (...args) => new NoReaper(...args) }],
    ['removes itself before all are told anew', { presence: (...args) => new Hasty(...args) }],
    ['writes after its end', { store: (...args) => new NoTombstones(...args) }],
    ['counts a repeated batch twice', { store: (...args) => new CountsTwice(...args) }],
    ['finds nothing of a dead owner', { store: (...args) => new LostIndex(...args) }],
  ])('a node that %s', async (_, parts) => {
    await expectFound((seed) => problemOf(seed, { ...REAL_PRESENCE, ...parts }));
  });
});
