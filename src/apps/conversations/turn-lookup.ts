/** Questions of one turn of the event loop are one query, and the same question is asked once. */
import type { Scheduler } from '../../telemetry/clock.ts';

/** Of one query. */
const AT_ONCE = 1_000;

interface Wanted<Key, Found> {
  readonly key: Key;
  readonly answer: PromiseWithResolvers<Found | null>;
}

export class TurnLookup<Key, Found> {
  private readonly scheduler: Scheduler;
  private readonly read: (keys: readonly Key[]) => Promise<readonly (Found & { readonly n: number })[]>;
  private wanted = new Map<string, Wanted<Key, Found>>();

  /** @param read rows with the place of their key as `n`, which begins at 1; what is not there has none */
  constructor(scheduler: Scheduler, read: TurnLookup<Key, Found>['read']) {
    this.scheduler = scheduler;
    this.read = read;
  }

  /** @param text tells keys apart. @throws DatabaseError */
  find(text: string, key: Key): Promise<Found | null> {
    const known = this.wanted.get(text);
    if (known !== undefined) return known.answer.promise;
    const answer = Promise.withResolvers<Found | null>();
    if (this.wanted.size === 0) this.scheduler.endOfTurn(() => this.look());
    this.wanted.set(text, { key, answer });
    return answer.promise;
  }

  private look(): void {
    const all = [...this.wanted.values()];
    this.wanted = new Map();
    for (let at = 0; at < all.length; at += AT_ONCE) void this.answer(all.slice(at, at + AT_ONCE));
  }

  private async answer(some: readonly Wanted<Key, Found>[]): Promise<void> {
    try {
      const found = new Map((await this.read(some.map(({ key }) => key))).map((row) => [row.n, row]));
      for (const [at, { answer }] of some.entries()) answer.resolve(found.get(at + 1) ?? null);
    } catch (error) {
      for (const { answer } of some) answer.reject(error);
    }
  }
}
