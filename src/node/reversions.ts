/** Changes that end by themselves: a mode with a time limit reverts, whether or not anybody remembers it. */

interface Pending {
  /** In ms since 1970. */
  readonly until: number;
  readonly revert: () => void;
}

export class Reversions {
  private readonly pending = new Map<string, Pending>();

  /**
   * Plans the end of a change; without `until` the change stays and nothing is planned any more.
   * @param revert brings back what was before. When a temporary change follows another one of its kind, that of the
   * first is kept: what was before all of them comes back, not one of the stages between.
   */
  plan(kind: string, until: number | null, revert: () => void): void {
    const earlier = this.pending.get(kind);
    if (until === null) this.pending.delete(kind);
    else this.pending.set(kind, { until, revert: earlier?.revert ?? revert });
  }

  /** When a kind of change ends, in ms since 1970; `null` when it stays. */
  until(kind: string): number | null {
    return this.pending.get(kind)?.until ?? null;
  }

  /** Reverts what is due. Call it about once a second. */
  run(now: number): void {
    for (const [kind, { until, revert }] of this.pending) {
      if (until > now) continue;
      this.pending.delete(kind);
      revert();
    }
  }
}
