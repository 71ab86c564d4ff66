/** A session whose statements are counted, timed, and told of in the log. */
import type { Clock } from '../telemetry/clock.ts';
import type { Rows, Session } from './driver.ts';
import type { StatementLog } from './statement-log.ts';
import type { DatabaseStatistics } from './statistics.ts';

export class CountedSession implements Session {
  private readonly session: Session;
  private readonly clock: Clock;
  private readonly statistics: DatabaseStatistics;
  private readonly statements: StatementLog;

  constructor(session: Session, clock: Clock, statistics: DatabaseStatistics, statements: StatementLog) {
    this.session = session;
    this.clock = clock;
    this.statistics = statistics;
    this.statements = statements;
  }

  query(text: string, values: readonly unknown[]): Promise<Rows> {
    return this.counted(text, () => this.session.query(text, values));
  }

  script(text: string): Promise<void> {
    return this.counted(text, () => this.session.script(text));
  }

  begin(mode?: string): Promise<void> {
    return this.counted('begin', () => this.session.begin(mode));
  }

  commit(): Promise<void> {
    return this.counted('commit', () => this.session.commit());
  }

  rollback(): Promise<void> {
    return this.counted('rollback', () => this.session.rollback());
  }

  release(): void {
    this.session.release();
  }

  private async counted<T>(text: string, work: () => Promise<T>): Promise<T> {
    const started = this.clock.elapsed();
    try {
      return await work();
    } catch (error) {
      this.statistics.failed(error);
      throw error;
    } finally {
      const ms = this.clock.elapsed() - started;
      this.statistics.answered(ms / 1_000);
      this.statements.answered(text, ms);
    }
  }
}
