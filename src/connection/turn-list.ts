/** Connections that wait for their turn. The list keeps its memory: growing it anew each turn fed the collector. */
import type { Connection } from './connection.ts';

export class TurnList {
  private readonly entries: (Connection | null)[] = [];
  private start = 0;
  private end = 0;

  get length(): number {
    return this.end - this.start;
  }

  push(connection: Connection): void {
    this.entries[this.end] = connection;
    this.end += 1;
  }

  /** The one that came first, or `null`. Push again only when everybody has been taken: the places are not reused before. */
  take(): Connection | null {
    if (this.start === this.end) return null;
    const connection = this.entries[this.start] ?? null;
    // Not held any longer: it may be over long before its place is used again.
    this.entries[this.start] = null;
    this.start += 1;
    if (this.start === this.end) {
      this.start = 0;
      this.end = 0;
    }
    return connection;
  }
}
