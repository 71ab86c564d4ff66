/** Between a client and its queue. */
import type { ConnectedDetails, ServerFrame } from '../protocol/wire.ts';
import type { Environment } from './environment.ts';
import type { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { PublishOptions, QueueOptions, Receipt, SavedEntry } from './publishing.ts';
import type { Entry, Settled } from './queue-entry.ts';

/** What the queue needs of its client. */
export interface QueuePorts {
  readonly environment: Environment;
  readonly keyPrefix: string;
  readonly options: QueueOptions | undefined;
  /** The connection, when it can be written to. */
  readonly link: () => Link | null;
  readonly serverTime: () => number;
  /** An entry is new, was sent for the first time, or is gone. */
  changed(key: string, saved: SavedEntry | null): void;
}

/** What a client has of its queue. */
export interface Publishes {
  readonly waiting: ReadonlyMap<string, Entry>;
  readonly failed: Map<string, Entry>;
  readonly bytes: number;
  /** `settle` is told exactly once. */
  publish(type: SavedEntry['type'], to: string, value: unknown, options: PublishOptions, settle: Settled): void;
  /** The same as a promise. @param closed why nothing goes on, if nothing does */
  promise(
    type: SavedEntry['type'],
    to: string,
    value: unknown,
    options: PublishOptions | undefined,
    closed: SignalboxError | null,
  ): Promise<Receipt>;
  /** Once more what has failed. */
  add(saved: SavedEntry): unknown;
  /** What another life of this page has left. */
  adopt(queue: readonly SavedEntry[]): void;
  /** Whether this client published under the key. */
  isMine(key: string): boolean;
  greeted(greeting: ConnectedDetails): void;
  /** Sends what is due. */
  pump(): void;
  /** @returns whether it answered a publish */
  answered(frame: ServerFrame): boolean;
  /** What was under way so long ago and is not answered has perhaps not been read. */
  unread(link: Link, before: number): void;
  lost(link: Link): void;
  /** Entries that another user has left are nobody's. */
  disown(): void;
  close(reason: 'closed' | 'signed_out'): void;
  /** Forgets what has failed. */
  clear(): void;
}
