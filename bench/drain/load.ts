/** Publishes into all rooms at a steady rate, each room in its own moment. */
import type { ClientLibrary, Publisher } from './clients.ts';
import { machineMs } from './reader-record.ts';

export interface LoadOptions {
  readonly rooms: number;
  readonly intervalMs: number;
  /** Of the node that stays: the rate of the rooms is to be steady whatever happens to the other one. */
  readonly url: string;
  readonly tokens: readonly string[];
}

const TICK_MS = 2;
const TEXT = 'x'.repeat(64);

export class Load {
  /** Messages of each room. */
  readonly published: number[];
  /** The numbers of those that were refused for good, by room. */
  readonly refused: number[][];
  readonly refusals: string[] = [];
  readonly #publishers: readonly Publisher[];
  readonly #due: number[];
  readonly #intervalMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #acknowledgements = new Set<Promise<unknown>>();

  constructor(library: ClientLibrary, { rooms, intervalMs, url, tokens }: LoadOptions) {
    const start = machineMs() + 500;
    this.#publishers = tokens.map((token) => library.openPublisher(url, token));
    this.published = Array.from({ length: rooms }, () => 0);
    this.refused = this.published.map(() => []);
    this.#due = this.published.map((_, room) => start + (room * intervalMs) / rooms);
    this.#intervalMs = intervalMs;
    this.#timer = setInterval(() => this.#publishDue(), TICK_MS);
  }

  /** Resolves when everything is acknowledged. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#acknowledgements);
    for (const publisher of this.#publishers) publisher.close();
  }

  #publishDue(): void {
    const now = machineMs();
    for (const [room, due] of this.#due.entries()) {
      if (due > now) continue;
      this.#due[room] = due + this.#intervalMs;
      this.#publish(room, now);
    }
  }

  #publish(room: number, at: number): void {
    const n = (this.published[room] ?? 0) + 1;
    this.published[room] = n;
    const publisher = this.#publishers[room % this.#publishers.length];
    if (publisher === undefined) return;
    const acknowledged: Promise<unknown> = publisher
      .publish(`drain.room-${room}`, { n, at, text: TEXT })
      .catch((error: unknown) => {
        this.refused[room]?.push(n);
        this.refusals.push(String(error));
      })
      .finally(() => this.#acknowledgements.delete(acknowledged));
    this.#acknowledgements.add(acknowledged);
  }
}
