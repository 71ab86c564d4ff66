/** The storage of a client, which may throw although it should not: that is told, and memory has to do. */
import { SignalboxError } from './errors.ts';
import type { ClientStorage, Saved, StorageHost } from './storage.ts';

export interface OpenedStorage {
  /** @param take gets what it holds, before anything else goes on */
  open(host: Omit<StorageHost, 'failed'>, take: (saved: Saved) => void): void;
  /** At once, or when it has been read. */
  whenRead(work: () => void): void;
  write(work: (storage: ClientStorage) => unknown): Promise<void>;
}

export function openStorage(
  storage: ClientStorage | undefined,
  failed: (error: SignalboxError) => void,
): OpenedStorage {
  let reading: Promise<void> | null = null;
  const tell = (cause: unknown): void =>
    failed(new SignalboxError('storage_failed', `the storage failed: ${String(cause)}`, { cause }));
  const write = async (work: (storage: ClientStorage) => unknown): Promise<void> => {
    try {
      if (storage !== undefined) await work(storage);
    } catch (cause) {
      tell(cause);
    }
  };
  return {
    open: (host, take) => {
      if (storage === undefined) return;
      reading = write(async () => take(await storage.open({ ...host, failed }))).then(() => {
        reading = null;
      });
    },
    whenRead: (work) => {
      if (reading === null) work();
      else void reading.then(work);
    },
    write,
  };
}
