/** Records in a `localStorage`, or in whatever else keeps texts by name. */
import type { Position } from '../../protocol/position.ts';
import type { SavedEntry } from '../publishing.ts';
import type { Saved } from '../storage.ts';
import type { Backend, Change } from './keeper.ts';
import { claimLock } from './web-lock.ts';

/** As much of `Storage` as is used. */
export interface TextStore {
  readonly length: number;
  key(at: number): string | null;
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

export class TextBackend implements Backend {
  private readonly store: TextStore;
  private readonly prefix: string;

  constructor(store: TextStore, scope: string) {
    this.store = store;
    this.prefix = `signalbox:${scope}:`;
  }

  load(): Promise<Saved> {
    return attempt(() => ({
      positions: this.positions(),
      queue: this.names('q:').map((name) => this.entry(name)),
    }));
  }

  save({ positions, put, remove }: Change): Promise<void> {
    return attempt(() => {
      // Other tabs have written meanwhile: only what has moved here is put over it.
      if (Object.keys(positions).length > 0)
        this.store.setItem(`${this.prefix}p`, JSON.stringify({ ...this.positions(), ...positions }));
      for (const entry of put) this.store.setItem(`${this.prefix}q:${entry.key}`, JSON.stringify(entry));
      for (const key of remove) this.store.removeItem(`${this.prefix}q:${key}`);
    });
  }

  clear(): Promise<void> {
    return attempt(() => {
      for (const name of this.names('')) this.store.removeItem(name);
    });
  }

  claim(owner: string): Promise<boolean> {
    return claimLock(`${this.prefix}${owner}`);
  }

  /** One that cannot be read takes no others with it: the keeper leaves it out. */
  private entry(name: string): SavedEntry {
    try {
      return JSON.parse(this.store.getItem(name) ?? 'null') as SavedEntry;
    } catch {
      return null as unknown as SavedEntry;
    }
  }

  private positions(): Record<string, Position> {
    return JSON.parse(this.store.getItem(`${this.prefix}p`) ?? '{}') as Record<string, Position>;
  }

  private names(kind: string): string[] {
    const names = Array.from({ length: this.store.length }, (_, at) => this.store.key(at) ?? '');
    return names.filter((name) => name.startsWith(this.prefix + kind));
  }
}

/** What is thrown becomes a rejection. */
async function attempt<T>(work: () => T): Promise<T> {
  return work();
}
