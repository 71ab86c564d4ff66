/** `GET /admin/figures`, of one node or of several: values of one moment are added, or the worst of them counts. */

export interface NodeFigures {
  readonly node: string;
  readonly problem?: string | null;
  readonly every_secs?: number;
  readonly at?: readonly number[];
  readonly values?: Readonly<Record<string, readonly (number | null)[]>>;
}

const KEPT_MS = 15 * 60_000;

/** What the nodes have told so far: each look asks only for what is new. */
export class History {
  /** By node, then by time. */
  readonly #nodes = new Map<string, Map<number, Readonly<Record<string, number | null>>>>();

  /** Up to when each node is known; the nodes are asked with one question, so the earliest counts. */
  get since(): number {
    const newest = [...this.#nodes.values()].map((moments) => Math.max(0, ...moments.keys()));
    return newest.length === 0 ? 0 : Math.min(...newest);
  }

  add({ node, at = [], values = {} }: NodeFigures): void {
    const moments = this.#nodes.get(node) ?? new Map<number, Readonly<Record<string, number | null>>>();
    this.#nodes.set(node, moments);
    for (const [index, time] of at.entries())
      moments.set(time, Object.fromEntries(Object.entries(values).map(([name, row]) => [name, row[index] ?? null])));
    const newest = Math.max(0, ...moments.keys());
    for (const time of moments.keys()) if (time < newest - KEPT_MS) moments.delete(time);
  }

  /** Nodes that are gone have no part in it. */
  keep(names: readonly string[]): void {
    for (const name of this.#nodes.keys()) if (!names.includes(name)) this.#nodes.delete(name);
  }

  /** @param everyMs how far apart moments are that count as one */
  lines(everyMs: number): { readonly at: readonly number[]; of(name: string, isWorst: boolean): (number | null)[] } {
    const buckets = new Map<number, Readonly<Record<string, number | null>>[]>();
    for (const moments of this.#nodes.values())
      for (const [time, figures] of moments) {
        const bucket = Math.floor(time / everyMs);
        const known = buckets.get(bucket);
        if (known === undefined) buckets.set(bucket, [figures]);
        else known.push(figures);
      }
    const ordered = [...buckets].toSorted(([a], [b]) => a - b);
    return {
      at: ordered.map(([bucket]) => (bucket * everyMs) / 1_000),
      of: (name, isWorst) =>
        ordered.map(([, all]) => {
          const values = all.flatMap((figures) => figures[name] ?? []);
          if (values.length === 0) return null;
          return isWorst ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
        }),
    };
  }
}
