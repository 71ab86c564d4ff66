/** All that waits in the mailboxes of a node together, and which connections give way when that is too much. */
import { lagFattest } from './overflow.ts';
import type { Connection } from './connection.ts';

export class Backlog {
  /** Bytes queued in all mailboxes. Most of them are the same messages of a shared tail: this is what it counts as, not what it takes. */
  bytes = 0;
  /** Connections whose socket has no room. */
  readonly blocked = new Set<Connection>();
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Makes the fattest mailboxes give way until all together fit. Call it at the end of a flush. */
  relieve(): void {
    if (this.bytes <= this.maxBytes) return;
    const byFatness = [...this.blocked].sort((a, b) => b.queuedBytes - a.queuedBytes);
    for (const connection of byFatness) {
      if (this.bytes <= this.maxBytes) return;
      lagFattest(connection);
    }
  }
}
