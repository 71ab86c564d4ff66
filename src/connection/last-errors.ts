/**
 * The last frames that were refused, by connection: the answer to "what does this client do wrong?". Bounded as a whole, so a
 * node of correct clients keeps nothing, and one of faulty clients a megabyte. Reasons are kept and messages are not, because
 * those may quote what the client sent.
 */
import type { Reason } from '../protocol/errors.ts';

export interface RefusedFrame {
  /** Ms since 1970. */
  readonly at: number;
  readonly reason: Reason;
  /** The type of the frame; `null` when it was none. */
  readonly frame: string | null;
}

const PER_CONNECTION = 5;
const CONNECTIONS = 1_000;

export class LastErrors {
  /** The connections that were refused something last are at the end. */
  private readonly byConnection = new Map<number, RefusedFrame[]>();

  add(connection: number, refused: RefusedFrame): void {
    const known = this.byConnection.get(connection) ?? [];
    this.byConnection.delete(connection);
    if (this.byConnection.size >= CONNECTIONS)
      for (const oldest of this.byConnection.keys()) {
        this.byConnection.delete(oldest);
        break;
      }
    if (known.length >= PER_CONNECTION) known.pop();
    known.unshift(refused);
    this.byConnection.set(connection, known);
  }

  /** The newest first. */
  of(connection: number): readonly RefusedFrame[] {
    return this.byConnection.get(connection) ?? [];
  }

  forget(connection: number): void {
    this.byConnection.delete(connection);
  }
}
