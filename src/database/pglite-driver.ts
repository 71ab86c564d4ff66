/**
 * PostgreSQL in this process (PGlite): one session at a time, in the order in which they were asked for. Its library is
 * large and production has a server, so it is a package that only some uses need.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import { FileLock } from '../telemetry/file-lock.ts';
import { missingPackage } from '../telemetry/optional-package.ts';
import { DatabaseError, databaseError, NOT_COMMITTED } from './database-error.ts';
import type { DatabaseDriver, DriverUsage, Rows, Session } from './driver.ts';
import { PARSERS, toParameter } from './sql-values.ts';

export const PGLITE_PACKAGE = '@electric-sql/pglite';

export interface PGliteOptions {
  /** `null`: in memory, gone with the process. */
  readonly folder: string | null;
  /** Milliseconds that somebody waits for a session. */
  readonly waitMs: number;
  /** Callers that may wait; more are refused at once. */
  readonly maxWaiting: number;
}

interface Waiting {
  readonly given: () => void;
  readonly timer: Timer;
}

/** @throws Error when the package is not installed, the folder is in use or cannot be written */
export async function openPGlite(options: PGliteOptions, scheduler: Scheduler): Promise<PGliteDriver> {
  const missing = missingPackage(PGLITE_PACKAGE, 'the embedded database (no database.url)');
  if (missing !== null) throw new Error(missing);
  const { PGlite } = await import('@electric-sql/pglite');
  const { folder } = options;
  if (folder === null) return new PGliteDriver(options, await PGlite.create(), null, scheduler);
  mkdirSync(folder, { recursive: true });
  const lock = FileLock.take(
    join(folder, 'signalbox.lock'),
    'give each node a database.folder of its own, or all of them one database.url',
  );
  try {
    return new PGliteDriver(options, await PGlite.create(join(folder, 'data')), lock, scheduler);
  } catch (error) {
    lock.release();
    throw error;
  }
}

export class PGliteDriver implements DatabaseDriver {
  readonly name = 'pglite';
  private readonly options: PGliteOptions;
  private readonly pglite: PGlite;
  private readonly lock: FileLock | null;
  private readonly scheduler: Scheduler;
  private readonly waiting: Waiting[] = [];
  private isBusy = false;
  private isStopping = false;

  constructor(options: PGliteOptions, pglite: PGlite, lock: FileLock | null, scheduler: Scheduler) {
    this.options = options;
    this.pglite = pglite;
    this.lock = lock;
    this.scheduler = scheduler;
  }

  get place(): string {
    return this.options.folder ?? 'memory';
  }

  acquire(): Promise<Session> {
    if (this.isStopping) return Promise.reject(new DatabaseError('away', 'the database has been stopped'));
    return this.turn(this.options.maxWaiting, this.options.waitMs);
  }

  usage(): DriverUsage {
    return { idle: this.isBusy ? 0 : 1, busy: Number(this.isBusy), waiting: this.waiting.length, lost: 0 };
  }

  async stop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    // The user of the session ends first.
    await this.turn(Infinity, this.options.waitMs).catch(() => {});
    await this.pglite.close();
    this.lock?.release();
  }

  private turn(maxWaiting: number, waitMs: number): Promise<Session> {
    if (!this.isBusy) {
      this.isBusy = true;
      return Promise.resolve(this.session());
    }
    if (this.waiting.length >= maxWaiting)
      return Promise.reject(exhausted(`${this.waiting.length} wait for the embedded database already`));
    return new Promise((resolve, reject) => {
      const timer = this.scheduler.after(waitMs, () => {
        this.waiting.splice(this.waiting.indexOf(mine), 1);
        reject(exhausted(`expected the embedded database to be free within ${waitMs} ms`));
      });
      const mine = { given: () => resolve(this.session()), timer };
      this.waiting.push(mine);
    });
  }

  private session(): Session {
    return new PGliteSession(this.pglite, () => {
      const next = this.waiting.shift();
      next?.timer.cancel();
      if (next === undefined) this.isBusy = false;
      else next.given();
    });
  }
}

function exhausted(message: string): DatabaseError {
  return new DatabaseError('exhausted', message);
}

export class PGliteSession implements Session {
  private readonly pglite: PGlite;
  private readonly onEnd: () => void;
  private isInTransaction = false;

  constructor(pglite: PGlite, onEnd: () => void) {
    this.pglite = pglite;
    this.onEnd = onEnd;
  }

  query(text: string, values: readonly unknown[]): Promise<Rows> {
    return this.done(async () => {
      const { rows, affectedRows } = await this.pglite.query<Record<string, unknown>>(text, values.map(toParameter), {
        parsers: Object.fromEntries(PARSERS),
      });
      return { rows, count: affectedRows ?? rows.length };
    });
  }

  async script(text: string): Promise<void> {
    await this.done(() => this.pglite.exec(text));
  }

  async begin(mode = ''): Promise<void> {
    await this.script(`begin${mode}`);
    this.isInTransaction = true;
  }

  async commit(): Promise<void> {
    const results = await this.done(() => this.pglite.exec('commit'));
    this.isInTransaction = false;
    if (results[0]?.command !== 'COMMIT') throw new DatabaseError('refused', NOT_COMMITTED);
  }

  async rollback(): Promise<void> {
    await this.script('rollback');
    this.isInTransaction = false;
  }

  release(): void {
    if (!this.isInTransaction) return this.onEnd();
    this.rollback().then(this.onEnd, this.onEnd);
  }

  private async done<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError)
        throw new DatabaseError('refused', error.message, { cause: error });
      throw databaseError(error, false);
    }
  }
}
