/** A count that somebody waits for: told at once, because the next turn of a measurement begins then. */

const PATIENCE_MS = 15_000;

export class AwaitedCount {
  value = 0;
  private goal = 0;
  private reached: (() => void) | null = null;

  add(more: number): void {
    this.value += more;
    if (this.value < this.goal) return;
    this.reached?.();
    this.reached = null;
  }

  /** @throws Error when it does not come so far in time */
  async until(goal: number, what: string): Promise<void> {
    if (this.value >= goal) return;
    this.goal = goal;
    let timer: NodeJS.Timeout | undefined;
    const come = new Promise<void>((resolve, reject) => {
      this.reached = resolve;
      timer = setTimeout(() => {
        this.reached = null;
        reject(new Error(`expected ${goal} ${what} of the server to be measured, got ${this.value}`));
      }, PATIENCE_MS);
    });
    await come.finally(() => clearTimeout(timer));
  }
}
