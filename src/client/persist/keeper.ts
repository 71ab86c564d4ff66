/** A storage over anything that can keep records: writes in batches, and does without when it fails. */
import type { Position } from '../../protocol/position.ts';
import { SignalboxError } from '../errors.ts';
import type { SavedEntry } from '../publishing.ts';
import type { ClientStorage, Saved, StorageHost } from '../storage.ts';

export interface Change {
  readonly positions: Readonly<Record<string, Position>>;
  /** New entries, and those that have changed. */
  readonly put: readonly SavedEntry[];
  /** Keys. */
  readonly remove: readonly string[];
}

/** What keeps the records. It may throw and reject. */
export interface Backend {
  load(): Promise<Saved>;
  save(change: Change): Promise<void>;
  clear(): Promise<void>;
  /**
   * Marks the entries of this owner as in good hands as long as this client lives; answers whether nobody else has done
   * so. Without it every client sends what it finds, and only the keys keep it from being there twice.
   */
  claim?(owner: string): Promise<boolean>;
}

const DELAY_MS = 500;
const NOTHING: Saved = { positions: {}, queue: [] };

export class Keeper implements ClientStorage {
  private backend: Backend | null;
  private host: StorageHost | null = null;
  private readonly moved = new Map<string, Position>();
  private readonly entries = new Map<string, SavedEntry | null>();
  private cancelTimer: (() => void) | null = null;
  private written: Promise<void> = Promise.resolve();

  constructor(backend: Backend) {
    this.backend = backend;
  }

  async open(host: StorageHost): Promise<Saved> {
    this.host = host;
    return (await this.attempt((backend) => this.read(backend, host.owner))) ?? NOTHING;
  }

  commit(topic: string, position: Position): void {
    this.moved.set(topic, position);
    this.schedule();
  }

  entry(key: string, saved: SavedEntry | null): void {
    this.entries.set(key, saved);
    this.schedule();
  }

  flush(): Promise<void> {
    this.forgetTimer();
    const { moved, entries } = this;
    if (moved.size === 0 && entries.size === 0) return this.written;
    const put = [...entries.values()].filter((entry) => entry !== null);
    const remove = [...entries].filter(([, entry]) => entry === null).map(([key]) => key);
    const change = { positions: Object.fromEntries(moved), put, remove };
    moved.clear();
    entries.clear();
    const { written } = this;
    return (this.written = this.attempt((backend) => backend.save(change)).then(() => written));
  }

  async clear(): Promise<void> {
    this.forgetTimer();
    this.moved.clear();
    this.entries.clear();
    await this.attempt((backend) => backend.clear());
  }

  private async read(backend: Backend, owner: string): Promise<Saved> {
    await backend.claim?.(owner);
    const saved = await backend.load();
    const positions = Object.entries(saved.positions);
    const known = positions.filter(([, position]) => isPosition(position));
    const queue = saved.queue.filter(isEntry);
    const unread = positions.length - known.length + saved.queue.length - queue.length;
    if (unread > 0) this.host?.failed(new SignalboxError('storage_failed', `left out ${unread} records that are none`));
    const adopted: SavedEntry[] = [];
    for (const other of new Set(queue.map((entry) => entry.owner)))
      if ((await backend.claim?.(other)) ?? true) adopted.push(...queue.filter((entry) => entry.owner === other));
    return { positions: Object.fromEntries(known), queue: adopted };
  }

  private schedule(): void {
    if (this.backend === null) return;
    this.cancelTimer ??= this.host?.environment.after(DELAY_MS, () => void this.flush()) ?? null;
  }

  private forgetTimer(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  /** A backend that fails once is left alone: quota and denied access do not get better. */
  private async attempt<T>(work: (backend: Backend) => Promise<T>): Promise<T | undefined> {
    if (this.backend === null) return undefined;
    try {
      return await work(this.backend);
    } catch (cause) {
      if (this.backend !== null)
        this.host?.failed(
          new SignalboxError('storage_failed', `the storage failed, so memory has to do: ${String(cause)}`, { cause }),
        );
      this.backend = null;
      return undefined;
    }
  }
}

/** Other programs write there too, and other versions of this one. */
function isPosition(value: Partial<Position> | null): boolean {
  return typeof value?.epoch === 'string' && Number.isSafeInteger(value.sequence);
}

function isEntry(value: Partial<SavedEntry> | null): boolean {
  try {
    const { owner, key, to, payload, createdAt } = value ?? {};
    JSON.parse(payload ?? '');
    return [owner, key, to, payload].every((text) => typeof text === 'string') && typeof createdAt === 'number';
  } catch {
    return false;
  }
}
