/**
 * A database that is slow, goes away in the middle of a statement, stores and does not say so, and comes back: any driver
 * behind a network of the simulation's own, on virtual time.
 */
import { DatabaseError } from '../database/database-error.ts';
import type { DatabaseDriver, DriverUsage, Rows, Session } from '../database/driver.ts';
import type { Scheduler } from '../telemetry/clock.ts';

export class SimulatedDatabase implements DatabaseDriver {
  readonly name = 'postgresql';
  readonly place = 'simulated';
  /** Of every statement, half of it on the way there. */
  latencyMs = 0;
  isAway = false;
  /** Answers, of statements and commits, that will be lost: what they stored stays. */
  lostAnswers = 0;
  private readonly inner: DatabaseDriver;
  private readonly scheduler: Scheduler;

  constructor(inner: DatabaseDriver, scheduler: Scheduler) {
    this.inner = inner;
    this.scheduler = scheduler;
  }

  async acquire(): Promise<Session> {
    await this.onTheWay();
    if (this.isAway) throw new DatabaseError('away', 'the simulated database is away');
    const session = await this.inner.acquire();
    return new SimulatedSession(session, (work, isLast) => this.carried(work, isLast));
  }

  usage(): DriverUsage {
    return this.inner.usage();
  }

  stop(): Promise<void> {
    return this.inner.stop();
  }

  /** @param stores whether its answer is the only word on what was stored */
  private async carried<T>(work: () => Promise<T>, stores: boolean): Promise<T> {
    await this.onTheWay();
    if (this.isAway) throw new DatabaseError('away', 'the simulated database went away');
    const result = await work();
    await this.onTheWay();
    const isLost = this.isAway || this.lostAnswers > 0;
    if (!isLost) return result;
    this.lostAnswers = Math.max(0, this.lostAnswers - 1);
    throw new DatabaseError(stores ? 'unknown' : 'away', 'the simulated database did not answer');
  }

  private async onTheWay(): Promise<void> {
    if (this.latencyMs > 0) await new Promise<void>((resolve) => this.scheduler.after(this.latencyMs / 2, resolve));
  }
}

type Carry = <T>(work: () => Promise<T>, stores: boolean) => Promise<T>;

class SimulatedSession implements Session {
  private readonly session: Session;
  private readonly carry: Carry;
  private isInTransaction = false;

  constructor(session: Session, carry: Carry) {
    this.session = session;
    this.carry = carry;
  }

  query(text: string, values: readonly unknown[]): Promise<Rows> {
    return this.carry(() => this.session.query(text, values), !this.isInTransaction);
  }

  script(text: string): Promise<void> {
    return this.carry(() => this.session.script(text), !this.isInTransaction);
  }

  async begin(mode?: string): Promise<void> {
    await this.carry(() => this.session.begin(mode), false);
    this.isInTransaction = true;
  }

  async commit(): Promise<void> {
    await this.carry(() => this.session.commit(), true);
    this.isInTransaction = false;
  }

  async rollback(): Promise<void> {
    this.isInTransaction = false;
    await this.session.rollback();
  }

  release(): void {
    this.session.release();
  }
}
