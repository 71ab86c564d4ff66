/**
 * `signalbox/client/persist`: positions and the queue outlive the page. A scope is what belongs together, most often one
 * user of one application: two users of one browser must not share it.
 */
import type { ClientStorage } from '../storage.ts';
import { FileBackend, type FileSystem } from './file-backend.ts';
import { IndexedDbBackend, type DatabaseFactory } from './indexed-db-backend.ts';
import { Keeper, type Backend } from './keeper.ts';
import { TextBackend, type TextStore } from './text-backend.ts';

export { guarded } from './guarded.ts';
export type { Backend, Change } from './keeper.ts';
export type { DatabaseFactory, FileSystem, TextStore };

interface Globals {
  readonly localStorage?: TextStore;
  readonly indexedDB?: DatabaseFactory;
}

/** In `localStorage`, about 5 MB for all of an origin. */
export function localStorageOf(scope: string, store?: TextStore): ClientStorage {
  return storageOn(lazily(() => new TextBackend(store ?? needed((globalThis as Globals).localStorage), scope)));
}

/** In IndexedDB. */
export function indexedDbOf(scope: string, factory?: DatabaseFactory): ClientStorage {
  return storageOn(lazily(() => new IndexedDbBackend(factory ?? needed((globalThis as Globals).indexedDB), scope)));
}

/** In a file of one process. @param fs `node:fs/promises` */
export function fileOf(path: string, fs: FileSystem): ClientStorage {
  return storageOn(new FileBackend(fs, path));
}

/** In whatever keeps records. */
export function storageOn(backend: Backend): ClientStorage {
  return new Keeper(backend);
}

/** Where access is denied the mere look at it throws: that belongs to the first use, which may fail. */
function lazily(make: () => Backend): Backend {
  let made: Backend | null = null;
  const backend = (): Backend => (made ??= make());
  return {
    load: async () => backend().load(),
    save: async (change) => backend().save(change),
    clear: async () => backend().clear(),
    claim: async (owner) => (await backend().claim?.(owner)) ?? true,
  };
}

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a storage of the browser, which this place does not have');
  return value;
}
