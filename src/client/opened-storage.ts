/** The storage of a client, which may throw although it should not: that is told, and memory has to do. */
import { SignalboxError } from './errors.ts';
import type { ClientStorage, Saved, StorageHost } from './storage.ts';

export class OpenedStorage {
  readonly #storage: ClientStorage | undefined;
  readonly #failed: (error: SignalboxError) => void;
  /** Work that waits until it has been read; `null` when nothing has to wait. */
  #waiting: (() => void)[] | null = null;

  constructor(storage: ClientStorage | undefined, failed: (error: SignalboxError) => void) {
    this.#storage = storage;
    this.#failed = failed;
  }

  /** @param take gets what it holds, before anything else goes on */
  open(host: Omit<StorageHost, 'failed'>, take: (saved: Saved) => void): void {
    const storage = this.#storage;
    if (storage === undefined) return;
    const waiting: (() => void)[] = [];
    this.#waiting = waiting;
    void new Promise<Saved>((resolve) => resolve(storage.open({ ...host, failed: this.#failed })))
      .then(take)
      .catch((cause: unknown) => this.#tell(cause))
      .then(() => {
        this.#waiting = null;
        for (const work of waiting) work();
      });
  }

  /** At once, or when it has been read. */
  whenRead(work: () => void): void {
    if (this.#waiting === null) work();
    else this.#waiting.push(work);
  }

  async write(work: (storage: ClientStorage) => unknown): Promise<void> {
    try {
      if (this.#storage !== undefined) await work(this.#storage);
    } catch (cause) {
      this.#tell(cause);
    }
  }

  #tell(cause: unknown): void {
    this.#failed(new SignalboxError('storage_failed', `the storage failed: ${String(cause)}`, { cause }));
  }
}
