/** Maps that are bounded: what moved last is the youngest, and the oldest gives way. */

/** Puts it at the young end. */
export function putNewest<V>(known: Map<string, V>, key: string, value: V, most: number): string | undefined {
  known.delete(key);
  known.set(key, value);
  if (known.size <= most) return undefined;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
  return oldest;
}
