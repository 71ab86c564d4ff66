/**
 * The connections of a node by their numbers, in the order in which they came: one word each, where a map takes four and as
 * many again while it grows. A number stands in the place of a connection that is gone, until there are as many of those as of others.
 */
import type { Connection } from '../connection/connection.ts';

type Numbered = Pick<Connection, 'number'>;

export class ConnectionsByNumber<C extends Numbered> {
  private entries: (C | number)[] = [];
  private gone = 0;

  /** @param connection whose number is larger than all before it */
  add(connection: C): void {
    this.entries.push(connection);
  }

  get(number: number): C | undefined {
    const entry = this.entries[this.placeOf(number)];
    return typeof entry === 'object' && entry.number === number ? entry : undefined;
  }

  remove(number: number): void {
    const place = this.placeOf(number);
    const entry = this.entries[place];
    if (typeof entry !== 'object' || entry.number !== number) return;
    this.entries[place] = number;
    this.gone += 1;
    if (this.gone * 2 <= this.entries.length) return;
    this.entries = this.entries.filter((entry) => typeof entry === 'object');
    this.gone = 0;
  }

  /** Where the number stands, or would stand. */
  private placeOf(number: number): number {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.entries[middle] ?? 0;
      if ((typeof entry === 'object' ? entry.number : entry) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
