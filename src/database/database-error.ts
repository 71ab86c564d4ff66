/** Why the database did not do something, in the words of its users: what may be tried again, and whether something was stored. */

/**
 * `away`: it does not answer. `exhausted`: no connection became free in time. `timeout`: the statement took too long and was
 * cancelled. `conflict`: another transaction was first. After these four nothing was stored. `unknown`: the connection broke
 * before the answer, so nobody knows. `constraint`: the data may not be so. `refused`: the statement is wrong.
 */
export type DatabaseProblem = 'away' | 'exhausted' | 'timeout' | 'conflict' | 'unknown' | 'constraint' | 'refused';

const TEMPORARY: ReadonlySet<DatabaseProblem> = new Set(['away', 'exhausted', 'timeout', 'conflict', 'unknown']);

export interface SqlDetails {
  /** Five characters of the SQL standard and of PostgreSQL. */
  readonly sqlState?: string | undefined;
  readonly constraint?: string | undefined;
  readonly table?: string | undefined;
  readonly cause?: unknown;
}

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly problem: DatabaseProblem;
  readonly sqlState: string | undefined;
  /** The name of the constraint that does not hold. */
  readonly constraint: string | undefined;
  readonly table: string | undefined;

  /** @param message without values of rows: it is logged */
  constructor(problem: DatabaseProblem, message: string, { sqlState, constraint, table, cause }: SqlDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.problem = problem;
    this.sqlState = sqlState;
    this.constraint = constraint;
    this.table = table;
  }

  /** Whether the same may succeed later. */
  get isTemporary(): boolean {
    return TEMPORARY.has(this.problem);
  }
}

/** What both drivers throw when the server has answered with an error: its fields, as far as they are told apart here. */
interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly constraint?: string;
  readonly table?: string;
}

/** SQLSTATEs, the longest beginning first. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const PROBLEMS: readonly (readonly [state: string, problem: DatabaseProblem])[] = [
  ['57014', 'timeout'],
  ['55P03', 'conflict'],
  ['40001', 'conflict'],
  ['40P01', 'conflict'],
  // It is told to end, crashed, or starts; it went over to being a replica; its disk is full.
  ['57P', 'away'],
  ['25006', 'away'],
  ['53300', 'exhausted'],
  ['53', 'away'],
  ['08', 'away'],
  // Wrong password, no such database: an operator mends it, and nothing has to be started anew.
  ['28', 'away'],
  ['3D', 'away'],
  ['23', 'constraint'],
];

/** An error of a statement was caught and the transaction went on: the server then answers a commit with a rollback. */
export const NOT_COMMITTED = 'expected a commit, and the server rolled back: a statement of the transaction had failed';

/** The session was ended before it has looked at the statement: nothing of that has happened. */
const UNSEEN: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03']);

/**
 * @param isStored whether the statement may have been stored although no answer came
 */
export function databaseError(error: unknown, isStored: boolean): DatabaseError {
  if (error instanceof DatabaseError) return error;
  if (isServerError(error)) {
    const { code, constraint, table } = error;
    const problem = PROBLEMS.find(([beginning]) => code.startsWith(beginning))?.[1] ?? 'refused';
    return new DatabaseError(problem, `${withoutValues(error.message)} (${code})`, {
      sqlState: code,
      constraint,
      table,
    });
  }
  const text = error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);
  return new DatabaseError(isStored ? 'unknown' : 'away', `the database does not answer: ${text}`, { cause: error });
}

export function isUnseen({ sqlState }: DatabaseError): boolean {
  return sqlState !== undefined && UNSEEN.has(sqlState);
}

function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'severity' in error &&
    typeof (error as { code?: unknown }).code === 'string' &&
    /^[0-9A-Z]{5}$/.test((error as unknown as ServerError).code)
  );
}

/** `invalid input syntax for type integer: "what a user wrote"` */
function withoutValues(message: string): string {
  return message.replace(/: "[^]*$/, '');
}
