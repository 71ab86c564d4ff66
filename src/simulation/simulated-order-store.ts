/** A model of the two scripts of control/lua in memory: what they promise, with faults. test/redis-orders.test.ts has the scripts. */
import type { OrderChange, OrderPage, OrderStore, OrderToSave } from '../control/order-store.ts';
import { prevailing, readOrder, writeOrder, type StandingOrder } from '../control/standing.ts';
import type { Clock } from '../telemetry/clock.ts';

interface Kept {
  version: number;
  text: string;
}

export class SimulatedOrderStore implements OrderStore {
  isAway = false;
  /** How often all of it was lost. */
  losses = 0;
  protected readonly kept = new Map<string, Kept>();
  protected newest = 0;
  protected epoch = '';
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  empty(): void {
    this.losses += 1;
    this.kept.clear();
    this.newest = 0;
    this.epoch = '';
  }

  read(after: number, limit: number): Promise<OrderPage | null> {
    if (this.isAway) return Promise.resolve(null);
    const changes = [...this.kept]
      .map(([place, { version, text }]): OrderChange => ({ version, place, text }))
      .filter(({ version }) => version > after)
      .toSorted((a, b) => a.version - b.version)
      .slice(0, limit);
    const { epoch, newest } = this;
    return Promise.resolve({ epoch, newest, now: this.clock.now(), hasEarlier: false, over: 0, changes });
  }

  save(orders: readonly OrderToSave[], isGiven: boolean): Promise<boolean> {
    if (this.isAway) return Promise.resolve(false);
    for (const order of orders) this.keep(order, isGiven);
    return Promise.resolve(true);
  }

  settle(): Promise<boolean> {
    if (this.isAway) return Promise.resolve(false);
    if (this.epoch === '') this.epoch = `epoch${this.losses}`;
    return Promise.resolve(true);
  }

  protected keep({ place, text }: OrderToSave, isGiven: boolean): void {
    const known = this.orderIn(place);
    const order = readOrder(text);
    if (order === null) return;
    const holds = isGiven && order.command.name !== 'revoke' ? order : prevailing(known, order);
    if (holds === known) return;
    this.newest = this.nextVersion();
    this.kept.set(place, { version: this.newest, text: writeOrder(holds) });
  }

  protected nextVersion(): number {
    return Math.max(this.newest + 1, this.clock.now() * 1_000);
  }

  private orderIn(place: string): StandingOrder | undefined {
    const kept = this.kept.get(place);
    return kept === undefined ? undefined : (readOrder(kept.text) ?? undefined);
  }
}
