/** Where positions and the queue outlive the page; `signalbox/client/persist` has some. Without one they live in memory. */
import type { Position } from '../protocol/position.ts';
import type { SavedEntry } from './publishing.ts';

export interface Saved {
  readonly positions: Readonly<Record<string, Position>>;
  readonly queue: readonly SavedEntry[];
}

export interface Change {
  readonly positions: Readonly<Record<string, Position>>;
  /** New entries, and those that have changed. */
  readonly put: readonly SavedEntry[];
  /** Keys. */
  readonly remove: readonly string[];
}

export interface ClientStorage {
  load(): Promise<Saved>;
  save(change: Change): Promise<void>;
  /** Forgets everything: the user has signed out. */
  clear(): Promise<void>;
  /** Whether the client that had these entries is gone, and this one alone may send them. Without it every one may. */
  claim?(owner: string): Promise<boolean>;
}
