/** What is remembered of topics and the queue, and when it is written down. */
import type { Position } from '../protocol/position.ts';
import type { Environment } from './environment.ts';
import { SignalboxError } from './errors.ts';
import type { SavedEntry } from './publishing.ts';
import type { ClientStorage, Saved } from './storage.ts';

const DELAY_MS = 500;
/** Topics whose positions are remembered; the oldest give way. */
const MAX_POSITIONS = 10_000;

export class Keeper {
  readonly positions = new Map<string, Position>();
  private storage: ClientStorage | undefined;
  private readonly environment: Environment;
  private readonly failed: (error: SignalboxError) => void;
  private readonly moved = new Map<string, Position>();
  private readonly entries = new Map<string, SavedEntry | null>();
  private cancelTimer: (() => void) | null = null;
  private whenLoaded: (() => void)[] | null = null;

  constructor(storage: ClientStorage | undefined, environment: Environment, failed: (error: SignalboxError) => void) {
    this.storage = storage;
    this.environment = environment;
    this.failed = failed;
  }

  /** @param adopt told of entries that nobody else will send */
  load(adopt: (entries: readonly SavedEntry[]) => void): void {
    const { storage } = this;
    if (storage === undefined) return;
    this.whenLoaded = [];
    this.attempt(
      async () => {
        const { positions, queue } = await storage.load();
        for (const [topic, position] of Object.entries(positions)) this.positions.set(topic, position);
        return queue;
      },
      (queue) => {
        const waiting = this.whenLoaded ?? [];
        this.whenLoaded = null;
        for (const work of waiting) work();
        if (queue !== undefined) this.claim(queue, adopt);
      },
    );
  }

  /** At once, unless what was stored is still being read. */
  loaded(work: () => void): void {
    if (this.whenLoaded === null) work();
    else this.whenLoaded.push(work);
  }

  commit(topic: string, position: Position): void {
    // The one that moved last is the youngest.
    this.positions.delete(topic);
    this.positions.set(topic, position);
    for (const oldest of this.positions.keys()) {
      if (this.positions.size <= MAX_POSITIONS) break;
      this.positions.delete(oldest);
    }
    if (this.storage === undefined) return;
    this.moved.set(topic, position);
    this.schedule();
  }

  entry(key: string, saved: SavedEntry | null): void {
    if (this.storage === undefined) return;
    this.entries.set(key, saved);
    this.schedule();
  }

  /** Writes down what has changed, now. */
  flush(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    const { storage, moved, entries } = this;
    if (storage === undefined || (moved.size === 0 && entries.size === 0)) return;
    const put = [...entries.values()].filter((entry) => entry !== null);
    const remove = [...entries].filter(([, entry]) => entry === null).map(([key]) => key);
    const change = { positions: Object.fromEntries(moved), put, remove };
    moved.clear();
    entries.clear();
    this.attempt(() => storage.save(change));
  }

  /** Forgets everything, here and there. */
  clear(): Promise<void> {
    const { storage } = this;
    this.cancelTimer?.();
    this.cancelTimer = null;
    this.positions.clear();
    this.moved.clear();
    this.entries.clear();
    return new Promise((resolve) => {
      if (storage === undefined) resolve();
      else
        this.attempt(
          () => storage.clear(),
          () => resolve(),
        );
    });
  }

  private claim(queue: Saved['queue'], adopt: (entries: readonly SavedEntry[]) => void): void {
    for (const owner of new Set(queue.map((entry) => entry.owner)))
      this.attempt(
        async () => (await this.storage?.claim?.(owner)) ?? true,
        (isFree) => {
          if (isFree === true) adopt(queue.filter((entry) => entry.owner === owner));
        },
      );
  }

  private schedule(): void {
    this.cancelTimer ??= this.environment.after(DELAY_MS, () => this.flush());
  }

  /** A storage that fails once is left alone: memory goes on, and the application is told. */
  private attempt<T>(work: () => Promise<T>, done: (result: T | undefined) => void = () => {}): void {
    void this.run(work, done);
  }

  private async run<T>(work: () => Promise<T>, done: (result: T | undefined) => void): Promise<void> {
    let result: T | undefined;
    try {
      result = await work();
    } catch (cause) {
      if (this.storage !== undefined)
        this.failed(
          new SignalboxError('storage_failed', `the storage failed, so memory has to do: ${String(cause)}`, { cause }),
        );
      this.storage = undefined;
    }
    done(result);
  }
}
