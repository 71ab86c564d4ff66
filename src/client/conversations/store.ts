/** State that is kept as long as somebody listens, in the shape that frameworks take: `subscribe` and `getSnapshot`. */
import type { Client } from '../client.ts';

/** StrictMode and hot reload let go and take again in the same breath. */
const LINGER_MS = 1_000;

export abstract class Store<S> {
  readonly #client: Client;
  readonly #listeners = new Set<() => void>();
  #snapshot: S | null = null;
  #stop: (() => void) | null = null;
  #cancelLinger: () => void = () => {};

  constructor(client: Client) {
    this.#client = client;
  }

  subscribe(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    this.#cancelLinger();
    this.#stop ??= this.begin();
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      this.#cancelLinger = this.#client.environment.after(LINGER_MS, () => {
        this.#stop?.();
        this.#stop = null;
      });
    };
  }

  getSnapshot(): S {
    return (this.#snapshot ??= this.make());
  }

  protected changed(): void {
    this.#snapshot = null;
    for (const listener of this.#listeners)
      try {
        listener();
      } catch (error) {
        this.#client.faulty(error);
      }
  }

  protected abstract make(): S;
  /** @returns what ends it */
  protected abstract begin(): () => void;
}
