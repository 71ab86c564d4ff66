/** Records in IndexedDB: more room than `localStorage`, and no page waits for it. */
import type { Position } from '../../protocol/position.ts';
import type { SavedEntry } from '../publishing.ts';
import type { Saved } from '../storage.ts';
import type { Backend, Change } from './keeper.ts';
import { claimLock } from './web-lock.ts';

/** As much of IndexedDB as is used: the types of browsers are not loaded here. */
interface Request<T> {
  readonly result: T;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
interface ObjectStore {
  put(value: unknown): unknown;
  delete(key: string): unknown;
  clear(): unknown;
  getAll(): Request<unknown[]>;
}
interface Transaction {
  readonly error: unknown;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  onerror: (() => void) | null;
  objectStore(name: string): ObjectStore;
  commit?(): void;
}
interface Database {
  createObjectStore(name: string, options: { readonly keyPath: string }): unknown;
  transaction(stores: readonly string[], mode: 'readonly' | 'readwrite'): Transaction;
}
export interface DatabaseFactory {
  open(name: string, version: number): Request<Database> & { onupgradeneeded: (() => void) | null };
}

const POSITIONS = 'positions';
const QUEUE = 'queue';

export class IndexedDbBackend implements Backend {
  private readonly factory: DatabaseFactory;
  private readonly name: string;
  private opened: Promise<Database> | null = null;

  constructor(factory: DatabaseFactory, scope: string) {
    this.factory = factory;
    this.name = `signalbox:${scope}`;
  }

  async load(): Promise<Saved> {
    const transaction = (await this.database()).transaction([POSITIONS, QUEUE], 'readonly');
    const [positions, queue] = await Promise.all([
      settled(transaction.objectStore(POSITIONS).getAll()) as Promise<{ topic: string; position: Position }[]>,
      settled(transaction.objectStore(QUEUE).getAll()) as Promise<SavedEntry[]>,
    ]);
    return { positions: Object.fromEntries(positions.map(({ topic, position }) => [topic, position])), queue };
  }

  async save({ positions, put, remove }: Change): Promise<void> {
    await this.write((known, queue) => {
      for (const [topic, position] of Object.entries(positions)) known.put({ topic, position });
      for (const entry of put) queue.put(entry);
      for (const key of remove) queue.delete(key);
    });
  }

  async clear(): Promise<void> {
    await this.write((known, queue) => {
      known.clear();
      queue.clear();
    });
  }

  claim(owner: string): Promise<boolean> {
    return claimLock(`${this.name}:${owner}`);
  }

  private async write(work: (positions: ObjectStore, queue: ObjectStore) => void): Promise<void> {
    const transaction = (await this.database()).transaction([POSITIONS, QUEUE], 'readwrite');
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(problem(transaction.error));
      work(transaction.objectStore(POSITIONS), transaction.objectStore(QUEUE));
      // A page that is left does not live to see the end of its requests, on which it would commit by itself. No browser
      // promises that this comes in time; mostly it does.
      transaction.commit?.();
    });
  }

  private database(): Promise<Database> {
    this.opened ??= this.connect();
    return this.opened;
  }

  private connect(): Promise<Database> {
    const request = this.factory.open(this.name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(POSITIONS, { keyPath: 'topic' });
      request.result.createObjectStore(QUEUE, { keyPath: 'key' });
    };
    return settled(request);
  }
}

function settled<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(problem(request.error));
  });
}

function problem(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
