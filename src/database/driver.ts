/** The port below the query builder: PostgreSQL over the network, PostgreSQL in this process, or a simulated one. */

export interface DatabaseDriver {
  readonly name: 'postgresql' | 'pglite';
  /** For log lines: where it is, without what opens it. */
  readonly place: string;
  /** @throws DatabaseError `away` or `exhausted`, within the time to connect */
  acquire(): Promise<Session>;
  usage(): DriverUsage;
  /** Ends when every session has been released. */
  stop(): Promise<void>;
}

export interface DriverUsage {
  readonly idle: number;
  readonly busy: number;
  /** Callers of `acquire` without an answer. */
  readonly waiting: number;
  /** Connections that broke. */
  readonly lost: number;
}

/** One connection, for one user at a time. Everything throws a DatabaseError. */
export interface Session {
  /** One statement; outside of a transaction it is one of its own. */
  query(text: string, values: readonly unknown[]): Promise<Rows>;
  /** Statements without values, of which some may take long: migrations. */
  script(text: string): Promise<void>;
  /** @param mode as SQL has it after BEGIN */
  begin(mode?: string): Promise<void>;
  /** After a failure `unknown` it may be stored. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Once. A session that broke, or is still in a transaction, is thrown away. */
  release(): void;
}

export interface Rows {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows read, inserted, changed or deleted. */
  readonly count: number;
}
