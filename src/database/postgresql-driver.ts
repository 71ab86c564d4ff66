/** PostgreSQL over the network, with a pool of connections. */
import { readFileSync } from 'node:fs';
import { Pool, types, type PoolClient, type PoolConfig } from 'pg';
import type { PostgresqlAddress } from '../config/postgresql-url.ts';
import { DatabaseError, databaseError } from './database-error.ts';
import type { DatabaseDriver, DriverUsage, Session } from './driver.ts';
import { PostgresqlSession } from './postgresql-session.ts';
import { LISTS, PARSERS } from './sql-values.ts';

export interface PostgresqlOptions {
  readonly address: PostgresqlAddress;
  /** Shown by `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly max: number;
  readonly idleMs: number;
  /** For a connection: a free one, or a new one. */
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Callers that may wait for a connection; more are refused at once. */
  readonly maxWaiting: number;
}

/** The server cancels a statement that takes too long; if not even that is heard, the connection counts as broken. */
const SILENCE_MS = 1_000;
const ALIVE_MS = 10_000;

export class PostgresqlDriver implements DatabaseDriver {
  readonly name = 'postgresql';
  private readonly options: PostgresqlOptions;
  private readonly pool: Pool;
  private lost = 0;
  private isStopping = false;

  constructor(options: PostgresqlOptions) {
    this.options = options;
    this.pool = new Pool(poolOf(options));
    // An idle connection broke: it has left the pool, and the next user gets another one.
    this.pool.on('error', () => (this.lost += 1));
  }

  get place(): string {
    const { host, port, database } = this.options.address;
    return `${host}:${port}/${database}`;
  }

  async acquire(): Promise<Session> {
    return new PostgresqlSession(
      await this.connect(),
      () => this.connect(),
      () => (this.lost += 1),
    );
  }

  usage(): DriverUsage {
    const { totalCount, idleCount, waitingCount } = this.pool;
    return { idle: idleCount, busy: totalCount - idleCount, waiting: waitingCount, lost: this.lost };
  }

  async stop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    await this.pool.end();
  }

  private async connect(): Promise<PoolClient> {
    const { max, maxWaiting, connectTimeoutMs } = this.options;
    if (this.isStopping) throw new DatabaseError('away', 'the database has been stopped');
    if (this.pool.waitingCount >= maxWaiting)
      throw new DatabaseError('exhausted', `${maxWaiting} wait for a connection to the database already`);
    try {
      return await this.pool.connect();
    } catch (error) {
      // The words of the pool for a caller that waited until others had given one back, and they did not.
      if (error instanceof Error && error.message === 'timeout exceeded when trying to connect')
        throw new DatabaseError(
          'exhausted',
          `expected one of ${max} connections to the database to be free within ${connectTimeoutMs} ms (database.pool_max)`,
        );
      throw databaseError(error, false);
    }
  }
}

function poolOf(options: PostgresqlOptions): PoolConfig {
  const { address, max, idleMs, connectTimeoutMs, statementTimeoutMs } = options;
  const { host, port, user, password, database } = address;
  return {
    host,
    port,
    user,
    database,
    // An empty one, or variables and files of another program would be looked for one.
    password: password ?? '',
    ssl: sslOf(address),
    application_name: options.applicationName,
    max,
    idleTimeoutMillis: idleMs,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: ALIVE_MS,
    allowExitOnIdle: true,
    types: {
      getTypeParser: (type, format) => parserOf(type) ?? (types.getTypeParser(type, format) as unknown),
    },
  };
}

function sslOf({ sslMode, rootCertificate }: PostgresqlAddress): PoolConfig['ssl'] {
  if (sslMode === 'disable') return false;
  if (sslMode === 'require') return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(rootCertificate !== undefined && { ca: readFileSync(rootCertificate, 'utf8') }),
    // Signed by a known authority, whatever name it is for.
    ...(sslMode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  };
}

/** `undefined`: as the library has it. */
function parserOf(type: number): ((text: string) => unknown) | undefined {
  const element = LISTS.get(type);
  if (element === undefined) return PARSERS.get(type);
  const parse = PARSERS.get(element);
  return parse === undefined ? undefined : (text) => lists(text, parse);
}

/** `text[]` is what every list looks like on its way; elements are `null` or text. Among the types of the library it has no name. */
const TEXTS = 1_009;
const parserOfAny = types.getTypeParser as unknown as (type: number, format: 'text') => (text: string) => unknown;

function lists(text: string, parse: (element: string) => unknown): unknown {
  const each = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(each) : typeof value === 'string' ? parse(value) : value;
  return each(parserOfAny(TEXTS, 'text')(text));
}
