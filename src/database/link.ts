/**
 * The link to the database: what state it is in, what is counted of it, and attempts to reach it again. While it is away
 * nobody waits for it, and the process goes on.
 */
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import type { DatabaseGauges } from '../telemetry/gauges.ts';
import type { Log } from '../telemetry/log.ts';
import { CountedSession } from './counted-session.ts';
import { DatabaseError } from './database-error.ts';
import type { DatabaseDriver, Session } from './driver.ts';
import { unfitness } from './fitness.ts';
import { StatementLog } from './statement-log.ts';
import { DatabaseStatistics } from './statistics.ts';

/**
 * `unfit`: it is not PostgreSQL 15 in UTF-8. `unmigrated`: tables of applications are missing. `unmigratable`: a migration, or
 * looking what there is of them, fails and will fail again, as without the right to make tables.
 */
export type DatabaseTrouble = 'starting' | 'away' | 'unfit' | 'unmigrated' | 'unmigratable';

export interface LinkPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Makes the tables, or looks whether they are there. @returns what is missing */
  readonly prepare: (session: Session) => Promise<readonly string[]>;
  /** A statement that takes so many milliseconds is told of in the log; without, none is. */
  readonly slowMs?: number;
}

/** A server that is started anew is back in less: nobody needs to notice. */
const RETRY_MS = [50, 100, 200];
const LOOK_MS = { first: 250, most: 2_000 };
/** For what is under way at the end. */
const END_MS = 2_000;

export class DatabaseLink {
  readonly driver: DatabaseDriver;
  readonly statistics = new DatabaseStatistics();
  private readonly ports: LinkPorts;
  private readonly statements: StatementLog;
  private readonly listeners = new Set<() => void>();
  private state: DatabaseTrouble | null = 'starting';
  private looking: Timer | null = null;
  private lookMs = LOOK_MS.first;
  private isOver = false;

  constructor(driver: DatabaseDriver, ports: LinkPorts) {
    this.driver = driver;
    this.ports = ports;
    this.statements = new StatementLog(ports.log, ports.clock, ports.slowMs ?? Infinity);
  }

  /** `null`: it answers, and has the tables. */
  get trouble(): DatabaseTrouble | null {
    return this.state;
  }

  /** Resolves after the first look, whatever that found. */
  async start(): Promise<void> {
    await this.look();
  }

  /** Called now if it is ready, and whenever it has become so again. */
  onReady(listener: () => void): void {
    this.listeners.add(listener);
    if (this.state === null) listener();
  }

  /** @throws DatabaseError, at once while the database is away */
  async acquire(): Promise<Session> {
    try {
      return new CountedSession(await this.connect(), this.ports.clock, this.statistics, this.statements);
    } catch (error) {
      this.statistics.failed(error);
      throw error;
    }
  }

  usage(): DatabaseGauges {
    return this.statistics.read(this.driver.name, this.state === null, this.driver.usage());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.looking?.cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.ports.scheduler.after(END_MS, resolve);
    await Promise.race([this.driver.stop().catch(() => {}), promise]);
    timer.cancel();
  }

  private async connect(): Promise<Session> {
    if (this.state !== null) throw new DatabaseError('away', `the database is ${this.state} (${this.driver.place})`);
    for (const pause of RETRY_MS) {
      try {
        return await this.driver.acquire();
      } catch (error) {
        if (!isAway(error)) throw error;
        await new Promise<void>((resolve) => this.ports.scheduler.after(pause, resolve));
      }
    }
    try {
      return await this.driver.acquire();
    } catch (error) {
      if (isAway(error)) this.became('away', error);
      throw error;
    }
  }

  private async look(): Promise<void> {
    try {
      const session = await this.driver.acquire();
      try {
        this.became(await this.examine(session), null);
      } finally {
        session.release();
      }
    } catch (error) {
      this.became('away', error);
    }
  }

  private async examine(session: Session): Promise<DatabaseTrouble | null> {
    const unfit = await unfitness(session);
    if (unfit === null) return this.prepared(session);
    if (this.state !== 'unfit') this.ports.log.error(`Database is unfit: ${unfit}`, {});
    return 'unfit';
  }

  private async prepared(session: Session): Promise<DatabaseTrouble | null> {
    try {
      const missing = await this.ports.prepare(session);
      if (missing.length === 0) return null;
      const cure = 'run signalbox database migrate, or set database.migrate';
      if (this.state !== 'unmigrated') this.ports.log.error(`Database lacks migrations: ${cure}`, { missing });
      return 'unmigrated';
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.isTemporary) throw error;
      if (this.state !== 'unmigratable') this.ports.log.error('Database cannot be migrated', { error: error.message });
      return 'unmigratable';
    }
  }

  private became(state: DatabaseTrouble | null, error: unknown): void {
    if (this.isOver) return;
    const before = this.state;
    this.state = state;
    const place = { driver: this.driver.name, place: this.driver.place };
    if (state === 'away' && before !== 'away')
      this.ports.log.warn('Database is away: what needs it is refused until it is back', {
        ...place,
        error: textOf(error),
      });
    if (state !== null) return this.lookLater();
    this.lookMs = LOOK_MS.first;
    if (before === null) return;
    this.ports.log.info('Database is ready', place);
    for (const listener of this.listeners) listener();
  }

  private lookLater(): void {
    this.looking?.cancel();
    this.looking = this.ports.scheduler.after(this.lookMs, () => void this.look());
    this.lookMs = Math.min(this.lookMs * 2, LOOK_MS.most);
  }
}

function isAway(error: unknown): boolean {
  return error instanceof DatabaseError && error.problem === 'away';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
