/**
 * The real tables of conversations in PostgreSQL in this process, in virtual time: its statements take the time of the world
 * instead of the machine's, and the world can tell when none of them is under way.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import type { DatabaseDriver, DriverUsage, Session } from '../../database/driver.ts';
import { migrate } from '../../database/migrate.ts';
import { readMigrations } from '../../database/migration.ts';
import { openPGlite } from '../../database/pglite-driver.ts';
import type { Clock, Scheduler } from '../../telemetry/clock.ts';

const NOW = /\b(?:now|clock_timestamp)\(\)/g;
const WAIT_MS = 600_000;

export class SimulatedTables implements DatabaseDriver {
  readonly name = 'pglite';
  readonly place = 'simulated';
  private readonly inner: DatabaseDriver;
  private clock: Clock | null = null;
  private toldAt = -1;
  private underWay = 0;
  private begun = 0;

  private constructor(inner: DatabaseDriver) {
    this.inner = inner;
  }

  /** @param folder of an empty database, or `null`: in memory. One serves many worlds, one after the other. */
  static async open(scheduler: Scheduler, folder: string | null = null): Promise<SimulatedTables> {
    const tables = new SimulatedTables(await openPGlite({ folder, waitMs: WAIT_MS, maxWaiting: 10_000 }, scheduler));
    const session = await tables.acquire();
    const set = readMigrations('conversations', new URL('../../apps/conversations/migrations/', import.meta.url));
    await migrate(session, [set]);
    session.release();
    return tables;
  }

  /** Nothing is in the tables, and time is that of this world. */
  async begin(clock: Clock): Promise<void> {
    this.clock = clock;
    this.toldAt = -1;
    await this.query('truncate conversations.conversations, conversations.members, conversations.events cascade');
  }

  /** Whether nobody is in the middle of something: it has one session. */
  get isFree(): boolean {
    return this.inner.usage().busy === 0;
  }

  /** Resolves when no statement is under way, and what waited for the last one has gone on. */
  async settled(): Promise<void> {
    for (let before = -1; before !== this.begun || this.underWay > 0;) {
      before = this.begun;
      await immediate();
    }
  }

  async query<Row>(text: string): Promise<readonly Row[]> {
    const session = await this.acquire();
    const { rows } = await session.query(text, []);
    session.release();
    return rows as unknown as readonly Row[];
  }

  async acquire(): Promise<Session> {
    const session = await this.inner.acquire();
    let isOpen = false;
    return {
      query: (text, values) => this.during(session, () => session.query(inTime(text), values)),
      script: (text) => this.during(null, () => session.script(inTime(text))),
      begin: async (mode) => {
        await this.during(session, () => session.begin(mode));
        isOpen = true;
      },
      commit: async () => {
        await this.during(null, () => session.commit());
        isOpen = false;
      },
      // Whatever was told in between is rolled back too.
      rollback: async () => {
        await this.during(null, () => session.rollback());
        isOpen = false;
        this.toldAt = -1;
      },
      release: () => {
        this.begun += 1;
        if (isOpen) this.toldAt = -1;
        session.release();
      },
    };
  }

  usage(): DriverUsage {
    return this.inner.usage();
  }

  stop(): Promise<void> {
    return this.inner.stop();
  }

  private async during<T>(session: Session | null, work: () => Promise<T>): Promise<T> {
    this.begun += 1;
    this.underWay += 1;
    try {
      if (session !== null) await this.tellTime(session);
      return await work();
    } finally {
      this.underWay -= 1;
    }
  }

  private async tellTime(session: Session): Promise<void> {
    const now = this.clock?.now() ?? 0;
    if (now === this.toldAt) return;
    this.toldAt = now;
    await session.query(`select set_config('simulation.now', $1, false)`, [new Date(now).toISOString()]);
  }
}

function inTime(text: string): string {
  return text.replaceAll(NOW, `current_setting('simulation.now')::timestamptz`);
}
