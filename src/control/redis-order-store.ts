/** Standing orders in Redis: two scripts, atomic over all orders of a service. */
import { isFailure } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import { readScript, type Script } from '../redis/script.ts';
import type { Random } from '../telemetry/clock.ts';
import type { OrderChange, OrderPage, OrderStore, OrderToSave } from './order-store.ts';

/** Values of a page before its changes, and of each change. */
const HEAD = 5;
const CHANGE = 3;

export class RedisOrderStore implements OrderStore {
  private readonly readScript: Script;
  private readonly saveScript: Script;
  private readonly link: RedisLink;
  private readonly random: Random;

  /** To be made before the link is started. */
  constructor(link: RedisLink, random: Random) {
    this.link = link;
    this.random = random;
    const file = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url);
    // Reading writes nothing, so that orders are known also where Redis is full.
    this.readScript = readScript(false, file('orders'), file('read'));
    this.saveScript = readScript(true, file('orders'), file('save'));
    link.useScripts(this.readScript, this.saveScript);
  }

  async read(after: number, limit: number): Promise<OrderPage | null> {
    const results = await new Promise<readonly unknown[]>((resolve) =>
      this.link.read([['EVALSHA', this.readScript.digest, ...this.keys(), after, limit]], resolve),
    );
    const values = results[0];
    if (isFailure(values) || !Array.isArray(values)) return null;
    const [epoch, newest, now, isEarlier, over] = values as readonly unknown[];
    const changes: OrderChange[] = [];
    for (let at = HEAD; at < values.length; at += CHANGE) {
      const [version, place, text] = values.slice(at, at + CHANGE) as unknown[];
      changes.push({ version: Number(version), place: String(place), text: String(text) });
    }
    return {
      epoch: String(epoch),
      newest: Number(newest),
      now: Number(now),
      hasEarlier: isEarlier === 1,
      over: Number(over),
      changes,
    };
  }

  async save(orders: readonly OrderToSave[], isGiven: boolean): Promise<boolean> {
    const fields = orders.flatMap(({ place, text, growsStronger, ends, endedBy }) => [
      place,
      text,
      growsStronger ? 1 : 0,
      ends,
      endedBy,
    ]);
    return !isFailure(await this.write(['', isGiven ? 1 : 0, ...fields]));
  }

  async settle(): Promise<boolean> {
    for (;;) {
      const isMore = await this.write([this.random.id(), 0]);
      if (isMore !== 1) return isMore === 0;
    }
  }

  private async write(args: readonly (string | number)[]): Promise<unknown> {
    const [result] = await new Promise<readonly unknown[]>((resolve) =>
      this.link.write([['EVALSHA', this.saveScript.digest, ...this.keys(), ...args]], resolve),
    );
    return result;
  }

  private keys(): readonly (string | number)[] {
    const names = ['orders', 'changes', 'ends', 'standing'].map((kind) => this.link.keys.key(kind, '', 'all'));
    return [names.length, ...names];
  }
}
