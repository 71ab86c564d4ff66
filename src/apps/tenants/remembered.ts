/**
 * What a node remembers of a table: read once for all who ask at a time, believed for a while, forgotten when it is told of a
 * change. While the database is away, what was known goes on: a tenant is not shut out by an outage.
 */
import type { Clock } from '../../telemetry/clock.ts';
import { dropOldest } from '../../telemetry/drop-oldest.ts';

export interface RememberedOptions<Value> {
  readonly load: (key: string) => Promise<Value>;
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly ageMs: number;
  /** How long an old one is good enough while it cannot be read. */
  readonly staleMs: number;
  readonly capacity: number;
  /** Whether the reading failed for a while, and not because of what was asked. */
  readonly isTemporary: (error: unknown) => boolean;
}

interface Entry<Value> {
  readonly value: Value;
  /** By the clock that does not jump. */
  readonly readAt: number;
}

export class Remembered<Value> {
  private readonly entries = new Map<string, Entry<Value>>();
  private readonly loading = new Map<string, Promise<Value>>();
  private readonly options: RememberedOptions<Value>;

  constructor(options: RememberedOptions<Value>) {
    this.options = options;
  }

  /** What is known and not too old, without asking; `undefined` when it has to be read. */
  known(key: string): Value | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    const { clock, ageMs } = this.options;
    return clock.elapsed() - entry.readAt < ageMs ? entry.value : undefined;
  }

  async get(key: string): Promise<Value> {
    const known = this.known(key);
    if (known !== undefined) return known;
    return this.loading.get(key) ?? this.read(key);
  }

  /** Readings from before this, and those under way, count no more. */
  forget(key: string): void {
    this.entries.delete(key);
    this.loading.delete(key);
  }

  /** Those of which this is so; what is being read counts no more, whatever it will be. */
  forgetWhere(isMeant: (value: Value) => boolean): void {
    for (const [key, { value }] of this.entries) if (isMeant(value)) this.entries.delete(key);
    this.loading.clear();
  }

  forgetAll(): void {
    this.entries.clear();
    this.loading.clear();
  }

  get size(): number {
    return this.entries.size;
  }

  private read(key: string): Promise<Value> {
    const { load, clock, capacity } = this.options;
    const reading: Promise<Value> = load(key).then(
      (value) => {
        // Told of a change meanwhile: what was read may be from before it.
        if (this.loading.get(key) !== reading) return value;
        this.loading.delete(key);
        this.entries.delete(key);
        this.entries.set(key, { value, readAt: clock.elapsed() });
        dropOldest(this.entries, capacity);
        return value;
      },
      (error: unknown) => {
        if (this.loading.get(key) === reading) this.loading.delete(key);
        return this.stale(key, error);
      },
    );
    this.loading.set(key, reading);
    return reading;
  }

  private stale(key: string, error: unknown): Value {
    const { clock, staleMs, isTemporary } = this.options;
    const entry = this.entries.get(key);
    if (entry === undefined || !isTemporary(error) || clock.elapsed() - entry.readAt > staleMs) throw error;
    return entry.value;
  }
}
