/**
 * The standing orders as a node knows them, kept in step with what all nodes share. Only changes are read, page by page
 * and in slices of time; what the store has lost, or never took, is written back.
 */
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Command, CommandName } from './command.ts';
import type { OrderChange, OrderPage, OrderStore, OrderToSave } from './order-store.ts';
import {
  dated,
  endedBy,
  endingPlaceOf,
  growsStronger,
  isTemporary,
  ordersOf,
  prevailing,
  readOrder,
  remaining,
  writeOrder,
  type StandingOrder,
} from './standing.ts';

/** A command as it was given. */
export interface Given {
  readonly id: string;
  /** With its time in it. */
  readonly command: Command;
  /** By the service's time. */
  readonly at: number;
}

export interface StandingOrdersParts {
  readonly store: OrderStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Carries an order out, and says why not. */
  readonly execute: (command: Command) => string | undefined;
  /** Nothing was ever kept, or all was lost: lets the other nodes write back what they know, and waits for them. */
  readonly askOthers: () => Promise<void>;
}

interface Known {
  readonly text: string;
  readonly until: number | null;
}

/** What a reading has brought. */
interface Reading {
  readonly adopted: Map<CommandName, number>;
  problem: string | undefined;
  /** Places that this node knows and the store was not seen to have; `null` where only changes were read. */
  missing: Set<string> | null;
  isUnsettled: boolean;
  /** There was more than could be read. */
  isPartial: boolean;
}

/** Orders that a node remembers; only revocations can be so many, and the oldest are forgotten first. */
const MAX_ORDERS = 100_000;
const PAGE = 256;
const SAVED_AT_ONCE = 100;
const SLICE_MS = 5;

export class StandingOrders {
  /** Whether all orders were read once. */
  isRead = false;
  private readonly known = new Map<string, Known>();
  /** Places whose order the store has not taken, or has weaker. */
  private readonly unsaved = new Set<string>();
  private epoch = '';
  private version = 0;
  /** What the service's time is ahead of this node's clock. */
  private offsetMs = 0;
  private work: Promise<boolean> = Promise.resolve(true);
  private readonly parts: StandingOrdersParts;

  constructor(parts: StandingOrdersParts) {
    this.parts = parts;
  }

  /** The service's time, in ms since 1970: that of the store, as far as it was ever read. */
  now(): number {
    return this.parts.clock.now() + this.offsetMs;
  }

  /** The command with the time at which it is given. */
  date(id: string, command: Command): Given {
    const at = this.now();
    return { id, command: dated(command, at), at };
  }

  /** Keeps what was given here, for all nodes. @returns whether the store is known to have it; else it is tried again */
  async give({ id, command, at }: Given): Promise<boolean> {
    const places: string[] = [];
    for (const [place, order] of ordersOf(id, command, at)) {
      const known = this.orderIn(place);
      const isBehind = known !== undefined && !growsStronger(order) && known.at >= order.at;
      this.remember(place, prevailing(known, isBehind ? { ...order, at: known.at + 1 } : order));
      places.push(place);
    }
    if (places.length === 0) return true;
    const isSaved = await this.parts.store.save(this.toSave(places), true);
    if (!isSaved) for (const place of places) this.unsaved.add(place);
    return isSaved;
  }

  /** Remembers what was given on another node. @returns whether it holds: a newer one may be known */
  hear({ id, command, at }: Given): boolean {
    let holds = true;
    for (const [place, order] of ordersOf(id, command, at)) {
      const known = this.orderIn(place);
      const next = prevailing(known, order);
      if (next === known) holds &&= growsStronger(order);
      else this.remember(place, next);
    }
    return holds;
  }

  /** The store was emptied, and somebody asks for what is known here; at once, whatever else is under way. */
  async recall(): Promise<void> {
    for (const place of this.known.keys()) this.unsaved.add(place);
    await this.writeBack();
  }

  /**
   * Adopts what changed, and writes back what is missing; one after the other, however often it is called.
   * @returns whether the store could be read
   */
  refresh(): Promise<boolean> {
    this.work = this.work.then(() => this.refreshOnce());
    return this.work;
  }

  private async refreshOnce(): Promise<boolean> {
    const reading: Reading = {
      adopted: new Map(),
      problem: undefined,
      missing: null,
      isUnsettled: false,
      isPartial: false,
    };
    let isComplete = await this.readChanges(reading);
    // Before anybody is let in: what an earlier version has kept can be read once it is settled.
    if (isComplete && reading.isUnsettled && !this.isRead)
      isComplete = (await this.parts.store.settle()) ? await this.readChanges(reading) : !reading.isPartial;
    this.report(reading);
    if (!isComplete) return false;
    this.isRead = true;
    for (const place of reading.missing ?? []) this.unsaved.add(place);
    if (!(await this.writeBack()) || !reading.isUnsettled) return true;
    await this.parts.store.settle();
    return true;
  }

  private async readChanges(reading: Reading): Promise<boolean> {
    let hasAsked = false;
    for (;;) {
      const page = await this.parts.store.read(this.version, PAGE);
      if (page === null) return false;
      this.offsetMs = page.now - this.parts.clock.now();
      reading.isUnsettled ||= page.hasEarlier || page.over > 0 || page.epoch === '';
      reading.isPartial ||= page.hasEarlier;
      if (page.epoch === '' && !hasAsked) {
        hasAsked = true;
        await this.parts.askOthers();
        continue;
      }
      if (this.beginsAnew(page, reading)) continue;
      await this.adoptAll(page.changes, reading);
      this.version = page.changes.at(-1)?.version ?? this.version;
      if (page.changes.length < PAGE) return true;
    }
  }

  /** Where the store may have lost something, all of it is read again, to see what is missing. */
  private beginsAnew({ epoch, newest }: OrderPage, reading: Reading): boolean {
    const isEmptied = epoch === '' && this.isRead && reading.missing === null;
    if (epoch === this.epoch && newest >= this.version && !isEmptied) return false;
    this.epoch = epoch;
    this.version = 0;
    reading.missing = new Set(this.known.keys());
    return true;
  }

  private async adoptAll(changes: readonly OrderChange[], reading: Reading): Promise<void> {
    const { clock, scheduler } = this.parts;
    // What stays first: a temporary change reverts to it.
    const ordered = changes.toSorted((a, b) => Number(isTemporary(a.place)) - Number(isTemporary(b.place)));
    let began = clock.elapsed();
    for (const change of ordered) {
      this.adopt(change, reading);
      if (clock.elapsed() - began < SLICE_MS) continue;
      await new Promise<void>((resolve) => scheduler.after(0, resolve));
      began = clock.elapsed();
    }
  }

  private adopt({ place, text }: OrderChange, reading: Reading): void {
    reading.missing?.delete(place);
    if (this.known.get(place)?.text === text) return;
    const order = readOrder(text);
    if (order === null) return;
    const known = this.orderIn(place);
    const next = prevailing(known, order);
    if (next !== order) this.unsaved.add(place);
    if (next === known) return;
    const command = remaining(next, this.now());
    if (command === null) return;
    this.remember(place, next, next === order ? text : undefined);
    reading.adopted.set(command.name, (reading.adopted.get(command.name) ?? 0) + 1);
    reading.problem = this.parts.execute(command) ?? reading.problem;
  }

  /** One line, however many there are. */
  private report({ adopted, problem }: Reading): void {
    if (adopted.size === 0) return;
    const orders = [...adopted.values()].reduce((sum, count) => sum + count, 0);
    const commands = [...adopted].map(([name, count]) => `${name} ${count}`).join(', ');
    this.parts.log.info('Standing orders adopted', { audit: true, orders, commands, problem });
  }

  /** @returns whether nothing is left */
  private async writeBack(): Promise<boolean> {
    const places = [...this.unsaved].toSorted((a, b) => Number(isTemporary(a)) - Number(isTemporary(b)));
    for (let at = 0; at < places.length; at += SAVED_AT_ONCE) {
      const some = places.slice(at, at + SAVED_AT_ONCE);
      const orders = this.toSave(some);
      const texts = new Map(orders.map(({ place, text }) => [place, text]));
      if (orders.length > 0 && !(await this.parts.store.save(orders, false))) return false;
      // Orders that have changed meanwhile have to be written again.
      for (const place of some) if (this.known.get(place)?.text === texts.get(place)) this.unsaved.delete(place);
    }
    return true;
  }

  private toSave(places: readonly string[]): OrderToSave[] {
    return places.flatMap((place): OrderToSave[] => {
      const known = this.known.get(place);
      const order = this.orderIn(place);
      if (known === undefined || order === undefined) return [];
      return [
        {
          place,
          text: known.text,
          growsStronger: growsStronger(order),
          ends: endedBy(place, order) ?? '',
          endedBy: endingPlaceOf(place) ?? '',
        },
      ];
    });
  }

  /** The order that holds in a place; none that is over. */
  private orderIn(place: string): StandingOrder | undefined {
    const known = this.known.get(place);
    if (known === undefined) return undefined;
    if (known.until === null || known.until > this.now()) return readOrder(known.text) ?? undefined;
    this.known.delete(place);
    return undefined;
  }

  private remember(place: string, order: StandingOrder, text = writeOrder(order)): void {
    const ended = endedBy(place, order);
    if (ended !== null && (this.orderIn(ended)?.at ?? Infinity) <= order.at) this.known.delete(ended);
    this.known.set(place, { text, until: order.until });
    if (this.known.size > MAX_ORDERS) this.known.delete(this.known.keys().next().value as string);
  }
}
