/**
 * The owners of the most of something, at O(1) a change: each change is by one, so the set of those who have the most is always
 * next to the one before.
 */
export class Ranking {
  private readonly counts = new Map<string, number>();
  /** By count: those who have exactly so many. Index 0 stays empty. */
  private readonly levels: Set<string>[] = [new Set()];

  /** How many those have who have the most. */
  get most(): number {
    return this.levels.length - 1;
  }

  count(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.move(key, this.count(key) + 1);
  }

  remove(key: string): void {
    const count = this.count(key);
    if (count > 0) this.move(key, count - 1);
  }

  /** One of those who have the most, or `null` when nobody has anything. */
  first(): string | null {
    const [key] = this.levels.at(-1) ?? [];
    return key ?? null;
  }

  private move(key: string, to: number): void {
    const from = this.count(key);
    this.levels[from]?.delete(key);
    if (to === 0) this.counts.delete(key);
    else {
      this.counts.set(key, to);
      const level = this.levels[to];
      if (level === undefined) this.levels[to] = new Set([key]);
      else level.add(key);
    }
    while (this.levels.length > 1 && this.levels.at(-1)?.size === 0) this.levels.pop();
  }
}
