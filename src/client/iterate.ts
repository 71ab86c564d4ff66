/** A topic as an async iterator: the position of an item is committed when the next one is asked for. */
import type { SignalboxError } from './errors.ts';
import type { Item } from './items.ts';

interface Wanted<P> {
  readonly resolve: (result: IteratorResult<Item<P>, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export interface Reading {
  /** Takes one item at a time; the promise settles when the next one may come. */
  readonly handler: (item: Item) => Promise<void>;
  /** @param error `null` when it just ends */
  readonly ended: (error: SignalboxError | null) => void;
}

/** @param begin starts the reader and returns what ends it; called when the first item is asked for */
export function iterate<P>(
  begin: (reading: Reading) => () => void,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Item<P>> {
  let stop: (() => void) | null = null;
  let end: { readonly error: SignalboxError | null } | null = null;
  let offered: { readonly item: Item; readonly taken: () => void } | null = null;
  let release = (): void => {};
  const wanted: Wanted<P>[] = [];

  const match = (): void => {
    while (wanted.length > 0) {
      const [first] = wanted as [Wanted<P>];
      if (end !== null) {
        wanted.shift();
        if (end.error === null) first.resolve({ done: true, value: undefined });
        else first.reject(end.error);
      } else if (offered === null) return;
      else {
        wanted.shift();
        release = offered.taken;
        first.resolve({ done: false, value: offered.item as Item<P> });
        offered = null;
      }
    }
  };
  const ended = (error: SignalboxError | null): void => {
    if (end !== null) return;
    end = { error };
    signal?.removeEventListener('abort', abort);
    stop?.();
    match();
  };
  const abort = (): void => ended(null);
  const handler = (item: Item): Promise<void> =>
    new Promise((taken) => {
      offered = { item, taken };
      match();
    });

  return {
    next: () => {
      release();
      release = () => {};
      return new Promise((resolve, reject) => {
        wanted.push({ resolve, reject });
        if (stop === null && end === null) {
          if (signal?.aborted === true) ended(null);
          else {
            signal?.addEventListener('abort', abort);
            stop = begin({ handler, ended });
          }
        }
        match();
      });
    },
    // The message that was shown last counts as not handled: the loop was left in its middle.
    return: () => {
      ended(null);
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
