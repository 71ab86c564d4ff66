/** Functions that are told of something, by its name, and do no harm when they throw. */

export interface Listeners {
  /** @returns what ends it */
  readonly add: (name: string, listener: (value: never) => void) => () => void;
  readonly tell: (name: string, value?: unknown) => void;
}

/** @param call runs one of them, and tells what it throws */
export function makeListeners(call: (work: () => void, name: string) => void): Listeners {
  const known = new Map<string, Set<(value: never) => void>>();
  return {
    add: (name, listener) => {
      const those = known.get(name) ?? new Set();
      known.set(name, those.add(listener));
      return () => {
        those.delete(listener);
        if (those.size === 0 && known.get(name) === those) known.delete(name);
      };
    },
    tell: (name, value) => {
      for (const listener of known.get(name) ?? []) call(() => listener(value as never), name);
    },
  };
}
