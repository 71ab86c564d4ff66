/**
 * A look at all of very many things, so many of them in one turn of the event loop: what the look costs grows with their number, and
 * nobody waits for all of it.
 */

/** What remains of a round: nothing, so much that it has time, or so much that somebody waits for it. */
export type Remainder = 'nothing' | 'has_time' | 'is_urgent';

/** What is looked at in one turn, at most: a fifth of a millisecond of topics. */
export const ONE_TURN = 2_000;

export class Round<T> {
  private items: Iterator<T> | null = null;
  /** What comes while the round goes on waits for the next one: else a round of a busy node would never end. */
  private left = 0;

  get isOver(): boolean {
    return this.items === null;
  }

  /** @param items of which some may go and others come during the round, as in a map's values */
  begin(items: Iterable<T>, size: number): void {
    this.items = items[Symbol.iterator]();
    this.left = size;
  }

  /** @returns how many were looked at: fewer than `most` when the round is over */
  next(most: number, look: (item: T) => void): number {
    let looked = 0;
    for (; looked < most && this.items !== null; looked += 1) {
      const { value, done } = this.left > 0 ? this.items.next() : { value: undefined, done: true as const };
      if (done === true) {
        this.items = null;
        return looked;
      }
      this.left -= 1;
      look(value);
    }
    if (this.left === 0) this.items = null;
    return looked;
  }
}
