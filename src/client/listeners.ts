/** Functions that are told of something, by its name, and do no harm when they throw. */

export class Listeners<V> {
  readonly #known = new Map<string, Set<(value: V) => void>>();
  readonly #call: (work: () => void, name: string) => void;

  /** @param call runs one of them, and tells what it throws */
  constructor(call: (work: () => void, name: string) => void) {
    this.#call = call;
  }

  /** @returns what ends it */
  add(name: string, listener: (value: V) => void): () => void {
    const known = this.#known.get(name) ?? new Set();
    this.#known.set(name, known);
    known.add(listener);
    return () => {
      known.delete(listener);
      if (known.size === 0 && this.#known.get(name) === known) this.#known.delete(name);
    };
  }

  tell(name: string, value: V): void {
    for (const listener of this.#known.get(name) ?? []) this.#call(() => listener(value), name);
  }
}

/** The newest value now and whenever there is another one, until one is the last. */
export async function* newest<V>(
  first: V,
  listen: (listener: (value: V) => void) => () => void,
  isLast: (value: V) => boolean,
): AsyncGenerator<V> {
  let next: V | undefined = first;
  let wake = (): void => {};
  const stop = listen((value) => {
    next = value;
    wake();
  });
  try {
    for (;;) {
      const value: V | undefined = next;
      next = undefined;
      if (value !== undefined) {
        yield value;
        if (isLast(value)) return;
      } else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stop();
  }
}
