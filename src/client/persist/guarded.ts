/** A storage of the application's own, which may throw although it should not: that is told, and memory has to do. */
import { SignalboxError } from '../errors.ts';
import type { ClientStorage, Saved, StorageHost } from '../storage.ts';

export function guarded(storage: ClientStorage): ClientStorage {
  let host: StorageHost | null = null;
  const failed = (cause: unknown): void =>
    host?.failed(new SignalboxError('storage_failed', `the storage failed: ${String(cause)}`, { cause }));
  const attempt = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      failed(cause);
    }
  };
  return {
    open: async (given) => {
      host = given;
      const read: Saved = { positions: {}, queue: [] };
      await attempt(async () => {
        const { positions, queue } = await storage.open(given);
        Object.assign(read, { positions: { ...positions }, queue: [...queue] });
      });
      return read;
    },
    commit: (topic, position) => void attempt(() => storage.commit(topic, position)),
    entry: (key, saved) => void attempt(() => storage.entry(key, saved)),
    flush: () => attempt(() => storage.flush()),
    clear: () => attempt(() => storage.clear()),
  };
}
