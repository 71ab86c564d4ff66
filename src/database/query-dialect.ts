/** The query builder on the port of drivers: what it needs to know of a database is only how to run a statement. */
import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { DatabaseDriver, Session } from './driver.ts';

export function dialectOf(driver: Pick<DatabaseDriver, 'acquire'>): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new SessionDriver(driver),
    createIntrospector: (builder) => new PostgresIntrospector(builder),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

class SessionDriver implements Driver {
  private readonly driver: Pick<DatabaseDriver, 'acquire'>;

  constructor(driver: Pick<DatabaseDriver, 'acquire'>) {
    this.driver = driver;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<SessionConnection> {
    return new SessionConnection(await this.driver.acquire());
  }

  async beginTransaction({ session }: SessionConnection, settings: TransactionSettings): Promise<void> {
    const { isolationLevel, accessMode } = settings;
    const level = isolationLevel === undefined ? '' : ` isolation level ${isolationLevel}`;
    await session.begin(`${level}${accessMode === undefined ? '' : ` ${accessMode}`}`);
  }

  commitTransaction({ session }: SessionConnection): Promise<void> {
    return session.commit();
  }

  rollbackTransaction({ session }: SessionConnection): Promise<void> {
    return session.rollback();
  }

  async releaseConnection({ session }: SessionConnection): Promise<void> {
    session.release();
  }

  /** The driver outlives its builders. */
  async destroy(): Promise<void> {}
}

class SessionConnection implements DatabaseConnection {
  readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, count } = await this.session.query(sql, parameters);
    // The builder has the type of the rows from the statement.
    return { rows: rows as Row[], numAffectedRows: BigInt(count) };
  }

  streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('expected a page of rows with a limit: rows are not streamed');
  }
}
