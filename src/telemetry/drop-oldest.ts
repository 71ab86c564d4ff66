/**
 * Keeps a map in which the oldest stand first to its bound. Several leave at once, because a map leaves holes where something was
 * removed: the way over those in front to the first that is there took 20 to 60 µs of a map of 20,000, each time.
 */

/** The share of a full map that leaves at once; of a small one it is the oldest alone. */
const SHARE = 1 / 64;

/** How many leave when there is one too many, that one included. */
export function leavingAtOnce(capacity: number): number {
  return 1 + Math.floor(capacity * SHARE);
}

export function dropOldest<K>(entries: Map<K, unknown>, capacity: number): void {
  if (entries.size <= capacity) return;
  const most = capacity + 1 - leavingAtOnce(capacity);
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}
