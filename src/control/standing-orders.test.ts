import { describe, expect, test } from 'vitest';
import { SimulatedOrderStore } from '../simulation/simulated-order-store.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { silentLog } from '../telemetry/log.ts';
import type { Command } from './command.ts';
import { StandingOrders } from './standing-orders.ts';

/** Carrying an order out takes a millisecond here. */
class Room {
  readonly clock = new VirtualClock();
  readonly store = new SimulatedOrderStore(this.clock);
  readonly executed: Command[] = [];
  /** The longest time without a pause, in ms. */
  longestMs = 0;
  private paused = 0;

  orders(): StandingOrders {
    const pause = (): void => {
      this.longestMs = Math.max(this.longestMs, this.clock.elapsed() - this.paused);
      this.paused = this.clock.elapsed();
    };
    const { clock } = this;
    return new StandingOrders({
      store: this.store,
      clock,
      scheduler: {
        endOfTurn: (work) => clock.endOfTurn(work),
        every: (ms, work) => clock.every(ms, work),
        after: (ms, work) => {
          pause();
          queueMicrotask(work);
          return clock.after(ms, () => {});
        },
      },
      log: silentLog,
      execute: (command) => {
        this.executed.push(command);
        this.clock.advance(1);
        return undefined;
      },
      askOthers: () => Promise.resolve(),
    });
  }
}

const revoke = (jti: string): Command => ({ name: 'revoke', arguments: { jti, tenant: '', ttl_secs: 3_600 } });

describe('standing orders', () => {
  test('are adopted in slices of time, and later only what changed', async () => {
    const room = new Room();
    const [giver, late] = [room.orders(), room.orders()];
    await giver.refresh();
    for (let n = 0; n < 1_000; n += 1) await giver.give(giver.date(`id${n}`, revoke(`t-${n}`)));
    await late.refresh();
    expect(room.executed).toHaveLength(1_000);
    expect(room.longestMs).toBeLessThanOrEqual(6);
    await giver.give(giver.date('last', revoke('one-more')));
    await late.refresh();
    expect(room.executed.slice(1_000)).toMatchObject([{ arguments: { jti: 'one-more' } }]);
  });

  test('of another kind than revocations give way to the later one, also when messages change places', async () => {
    const room = new Room();
    const [giver, other] = [room.orders(), room.orders()];
    await giver.refresh();
    await other.refresh();
    const mode = (name: 'read_only' | 'normal'): Command => ({ name: 'emergency_mode', arguments: { mode: name } });
    const first = giver.date('a', mode('read_only'));
    await giver.give(first);
    room.clock.advance(1);
    const second = giver.date('b', mode('normal'));
    await giver.give(second);
    expect([other.hear(second), other.hear(first)]).toEqual([true, false]);
  });
});
