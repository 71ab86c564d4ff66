/** `signalbox/client/queue`: what waits to be published, and what has failed. docs/client.md, "Publish". */
import type { Client } from '../client.ts';
import type { SignalboxError } from '../errors.ts';
import type { SavedEntry } from '../publishing.ts';

export interface QueueEntry extends SavedEntry {
  readonly state: 'waiting' | 'sent' | 'failed';
  readonly error: SignalboxError | undefined;
}

export interface QueueStats {
  /** Waiting and sent. */
  readonly messages: number;
  readonly bytes: number;
  readonly failed: number;
  /** Milliseconds since the oldest was published; 0 when there is none. */
  readonly oldestMs: number;
}

export interface QueueView {
  stats(): QueueStats;
  entries(): readonly QueueEntry[];
  /** Sends a failed one again. @returns whether there was one */
  retry(key: string): boolean;
  /** Forgets what has failed. */
  clear(): void;
  /** Resolves when all that wait now are settled, at the latest after so many milliseconds. */
  settled(longestMs: number): Promise<void>;
}

export function queueOf(client: Client): QueueView {
  const { publishes } = client;
  if (publishes === undefined) throw new TypeError('expected a client that publishes');
  const { waiting, failed } = publishes;
  return {
    stats: () => {
      const [first] = waiting.values();
      const oldestMs = first === undefined ? 0 : Math.max(0, client.serverTime - first.saved.createdAt);
      return { messages: waiting.size, bytes: publishes.bytes, failed: failed.size, oldestMs };
    },
    entries: () =>
      [...waiting.values(), ...failed.values()].map(({ saved, link, error }) => ({
        ...saved,
        state: error === undefined ? (link === null ? 'waiting' : 'sent') : 'failed',
        error,
      })),
    retry: (key) => {
      const entry = failed.get(key);
      if (entry === undefined) return false;
      failed.delete(key);
      entry.saved.firstSentAt = null;
      // Its promise has been settled.
      publishes.add(entry.saved);
      publishes.pump();
      return true;
    },
    clear: () => publishes.clear(),
    settled: (longestMs) =>
      new Promise((resolve) => {
        const cancel = client.environment.after(longestMs, resolve);
        let left = 1;
        const one = (): void => {
          left -= 1;
          if (left > 0) return;
          cancel();
          resolve();
        };
        for (const entry of waiting.values()) {
          const { settle } = entry;
          left += 1;
          entry.settle = (error, receipt) => {
            settle(error, receipt);
            one();
          };
        }
        one();
      }),
  };
}
