import { expect, test } from 'vitest';
import { LINEAR } from '../../test/harness/growth.ts';
import { stepGrowthOf } from '../../test/harness/steps.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { MemorySessionStore } from './memory.ts';

test.each(['', 'acme'])(
  'one that is saved in a full store costs what it costs in a small one: tenant "%s"',
  (tenant) => {
    const growth = stepGrowthOf(
      (size) => {
        const bounds = { perUser: 10, perTenant: size };
        const store = new MemorySessionStore(1e9, size, new VirtualClock(), bounds);
        let count = 0;
        return () => {
          for (let at = 0; at < size; at += 1) {
            count += 1;
            const [id, user] = [`s${count}`, `user${count}`];
            store.save({ id, tenant, user, subscriptions: ['chat.a'], positions: {}, savedAt: 0 });
          }
          expect(store.size).toBeLessThanOrEqual(size);
        };
      },
      4_000,
      { holes: true },
    );
    expect(growth).toBeLessThanOrEqual(LINEAR);
  },
);
