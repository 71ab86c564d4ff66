import { describe, expect, test } from 'vitest';
import { Revocations, type Revocation } from '../auth/revocations.ts';
import type { Command } from '../control/command.ts';
import type { OrderToSave } from '../control/order-store.ts';
import { StandingOrders } from '../control/standing-orders.ts';
import { ControlWorld, REAL_CONTROL, type ControlParts } from './control-world.ts';
import { expectFound } from '../../test/kit/found-by.ts';
import { SimulatedOrderStore } from './simulated-order-store.ts';
import { Violation } from './violation.ts';

const STEPS = 60;

async function problemOf(seed: number, parts: ControlParts): Promise<string | null> {
  try {
    await new ControlWorld(seed, parts).run(STEPS);
    return null;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return error.message;
  }
}

test('four hundred seeds: clocks that differ, messages lost and late, a store that is away and emptied', async () => {
  for (let seed = 1; seed <= 400; seed += 1) expect(await problemOf(seed, REAL_CONTROL), `seed ${seed}`).toBeNull();
});

describe('planted bugs are found within a thousand seeds', () => {
  function undated(command: Command): Command {
    if (command.name !== 'revoke') return command;
    return { name: 'revoke', arguments: { ...command.arguments, issued_before: undefined } };
  }

  class OverwritingRevocations extends Revocations {
    override add(revocation: Revocation, now: number, until: number): void {
      const { users } = this as unknown as { users: Map<string, unknown> };
      users.delete(`${revocation.tenant}/${revocation.user ?? ''}`);
      super.add(revocation, now, until);
    }
  }

  class OverwritingStore extends SimulatedOrderStore {
    protected override keep(order: OrderToSave, isGiven: boolean): void {
      this.kept.delete(order.place);
      super.keep(order, isGiven);
    }
  }

  /** As before: versions are counted, and count from one again after a loss. */
  class RecountingStore extends SimulatedOrderStore {
    protected override epoch = 'always';

    override empty(): void {
      super.empty();
      this.epoch = 'always';
    }

    protected override nextVersion(): number {
      return this.newest + 1;
    }
  }

  class ForgetfulOrders extends StandingOrders {
    override recall(): Promise<void> {
      return Promise.resolve();
    }
  }

  const bugs: Readonly<Record<string, Partial<ControlParts>>> = {
    'a revocation takes the clock of the node that it reaches': { received: undated },
    'a weaker revocation takes the place of a stronger one on a node': {
      revocations: () => new OverwritingRevocations(),
    },
    'a weaker order takes the place of a stronger one in the store': { store: (clock) => new OverwritingStore(clock) },
    'a node admits before it has read the orders': { admits: () => true },
    'versions count from one again': { store: (clock) => new RecountingStore(clock) },
    'live nodes write nothing back when they are asked': { standing: (parts) => new ForgetfulOrders(parts) },
  };

  for (const [name, parts] of Object.entries(bugs)) {
    test(name, () => expectFound((seed) => problemOf(seed, { ...REAL_CONTROL, ...parts })));
  }
});
