/** Where positions and the queue outlive the page: `signalbox/client/persist` makes one. Without it they live in memory. */
import type { Position } from '../protocol/position.ts';
import type { Environment } from './environment.ts';
import type { SignalboxError } from './errors.ts';
import type { SavedEntry } from './publishing.ts';

export interface Saved {
  readonly positions: Readonly<Record<string, Position>>;
  /** What nobody else will send. */
  readonly queue: readonly SavedEntry[];
}

/** Whose storage it is. */
export interface StorageHost {
  readonly environment: Environment;
  /** What the keys of this client begin with. */
  readonly owner: string;
  failed(error: SignalboxError): void;
}

/** Nothing of it throws: what cannot be stored is told to the host, and memory has to do. */
export interface ClientStorage {
  open(host: StorageHost): Promise<Saved>;
  commit(topic: string, position: Position): void;
  /** @param saved `null` when it is settled */
  entry(key: string, saved: SavedEntry | null): void;
  /** Writes down what has changed, now. Resolves when that and all before it is written. */
  flush(): Promise<void>;
  /** Forgets everything: the user has signed out. */
  clear(): Promise<void>;
}
