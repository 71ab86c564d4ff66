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
  /** Called behind each statement and commit that was done, before its answer is on the way: a node may be killed there. */
  done: () => void = () => {};
  private isKilled = false;
  private readonly open = new Set<Session>();
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
    if (this.isKilled) {
      session.release();
      return never();
    }
    this.open.add(session);
    return new SimulatedSession(
      session,
      (work, isLast) => this.carried(work, isLast),
      () => this.open.delete(session),
    );
  }

  /** Its node is gone: nothing answers any more, and what was open is rolled back. */
  kill(): void {
    this.isKilled = true;
    for (const session of this.open) session.release();
    this.open.clear();
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
    this.done();
    if (this.isKilled) return never();
    await this.onTheWay();
    const isLost = this.isAway || this.lostAnswers > 0;
    if (!isLost) return result;
    this.lostAnswers = Math.max(0, this.lostAnswers - 1);
    throw new DatabaseError(stores ? 'unknown' : 'away', 'the simulated database did not answer');
  }

  private async onTheWay(): Promise<void> {
    if (this.isKilled) return never();
    if (this.latencyMs > 0) await new Promise<void>((resolve) => this.scheduler.after(this.latencyMs / 2, resolve));
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

type Carry = <T>(work: () => Promise<T>, stores: boolean) => Promise<T>;

class SimulatedSession implements Session {
  private readonly session: Session;
  private readonly carry: Carry;
  private readonly released: () => boolean;
  private isInTransaction = false;

  /** @param released whether it was open until now */
  constructor(session: Session, carry: Carry, released: () => boolean) {
    this.session = session;
    this.carry = carry;
    this.released = released;
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
    if (this.released()) this.session.release();
  }
}
