/** The database as an application sees it: its own tables, typed, on whichever driver. */
import { Kysely, sql, type Transaction } from 'kysely';
import type { Scheduler } from '../telemetry/clock.ts';
import { DatabaseError } from './database-error.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import type { DatabaseLink } from './link.ts';
import { schemaOf } from './migration.ts';
import { dialectOf } from './query-dialect.ts';

export interface TransactionOptions {
  /** As SQL has it; without, read committed. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** How often it may begin anew when another transaction was first; without, 3. */
  readonly attempts?: number;
}

export interface Database {
  readonly name: 'postgresql' | 'pglite';
  /** Whether it answers and has the tables. Without, everything throws a DatabaseError `away`, at once. */
  readonly isReady: boolean;
  /** Values of SQL: sql`now()`. Tables in it need the schema, which is the application's name with `_` for `-`. */
  readonly sql: typeof sql;
  /** Queries, each a transaction of its own, on the tables of the application. Throws DatabaseError. */
  tables<Tables>(): Kysely<Tables>;
  /** All of it or nothing. `work` may run again, from its beginning: it changes nothing but the database. */
  transaction<Tables, T>(work: (tables: Transaction<Tables>) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Stores what comes in one turn together. */
  groupCommit<Item, Answer>(options: GroupCommitOptions<Item, Answer>): GroupCommit<Item, Answer>;
  /** Called now if it is ready, and whenever it has become so again: for what was left undone. */
  onReady(listener: () => void): void;
  isProblem(error: unknown): error is DatabaseError;
}

export class ApplicationDatabase implements Database {
  readonly sql = sql;
  private readonly link: DatabaseLink;
  private readonly scheduler: Scheduler;
  private readonly builder: Kysely<unknown>;

  constructor(app: string, link: DatabaseLink, scheduler: Scheduler) {
    this.link = link;
    this.scheduler = scheduler;
    this.builder = new Kysely<unknown>({ dialect: dialectOf(link) }).withSchema(schemaOf(app));
  }

  get name(): Database['name'] {
    return this.link.driver.name;
  }

  get isReady(): boolean {
    return this.link.trouble === null;
  }

  tables<Tables>(): Kysely<Tables> {
    return this.builder as unknown as Kysely<Tables>;
  }

  async transaction<Tables, T>(
    work: (tables: Transaction<Tables>) => Promise<T>,
    { isolation, attempts = 3 }: TransactionOptions = {},
  ): Promise<T> {
    for (let left = attempts; ; left -= 1) {
      const builder = this.tables<Tables>().transaction();
      try {
        return await (isolation === undefined ? builder : builder.setIsolationLevel(isolation)).execute(work);
      } catch (error) {
        if (!(error instanceof DatabaseError && error.problem === 'conflict') || left <= 1) throw error;
      }
    }
  }

  groupCommit<Item, Answer>(options: GroupCommitOptions<Item, Answer>): GroupCommit<Item, Answer> {
    return new GroupCommit(options, this.scheduler, (items) => this.link.statistics.committed(items));
  }

  onReady(listener: () => void): void {
    this.link.onReady(listener);
  }

  isProblem(error: unknown): error is DatabaseError {
    return error instanceof DatabaseError;
  }
}
