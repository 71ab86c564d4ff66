/**
 * One connection of the pool. It may break at any moment, also while nobody looks: what has certainly not been done is then
 * done on another connection, once, and what may have been done is told as unknown.
 */
import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import { DatabaseError, databaseError, isUnseen, NOT_COMMITTED } from './database-error.ts';
import type { Rows, Session } from './driver.ts';
import { toParameter } from './sql-values.ts';

/** For migrations, which take as long as they take. */
const NO_TIMEOUT_MS = 2_147_483_647;
/** Doing it twice does no harm. A `with` may change rows. */
const READS = /^\s*(?:select|show|table|values)\b(?![^]*\bfor\s+(?:update|no\s+key|share|key))/i;

type Phase = 'alone' | 'in transaction' | 'commit';

export class PostgresqlSession implements Session {
  /** `null`: the last one broke, and no other could be had. */
  private client: PoolClient | null = null;
  private readonly connect: () => Promise<PoolClient>;
  private readonly onLost: () => void;
  private isBroken = false;
  private isInTransaction = false;

  /** @param onLost told of a connection that broke */
  constructor(client: PoolClient, connect: () => Promise<PoolClient>, onLost: () => void) {
    this.connect = connect;
    this.onLost = onLost;
    this.take(client);
  }

  async query(text: string, values: readonly unknown[]): Promise<Rows> {
    const parameters = parametersOf(values);
    const { rows, rowCount } = await this.run({ text, values: parameters });
    return { rows, count: rowCount ?? 0 };
  }

  async script(text: string): Promise<void> {
    // The types of the library lack it.
    await this.run({ text, query_timeout: NO_TIMEOUT_MS } as QueryConfig);
  }

  async begin(mode = ''): Promise<void> {
    await this.run({ text: `begin${mode}` }, true);
    this.isInTransaction = true;
  }

  async commit(): Promise<void> {
    const { command } = await this.send({ text: 'commit' }, 'commit');
    this.isInTransaction = false;
    if (command !== 'COMMIT') throw new DatabaseError('refused', NOT_COMMITTED);
  }

  async rollback(): Promise<void> {
    // What broke is rolled back.
    if (!this.isBroken) await this.send({ text: 'rollback' }, 'in transaction');
    this.isInTransaction = false;
  }

  release(): void {
    this.give(this.isBroken || this.isInTransaction);
  }

  /** Again on another connection, where the first one broke and nothing was done. */
  private async run(
    query: QueryConfig,
    isHarmless = READS.test(query.text),
  ): Promise<QueryResult<Record<string, unknown>>> {
    if (this.isInTransaction) return this.send(query, 'in transaction');
    if (this.isBroken) await this.renew();
    try {
      return await this.send(query, 'alone');
    } catch (error) {
      const isLost = error instanceof DatabaseError && this.isBroken;
      if (!isLost || !(isHarmless || error.problem === 'away')) throw error;
      await this.renew();
      return await this.send(query, 'alone');
    }
  }

  private async send(query: QueryConfig, phase: Phase): Promise<QueryResult<Record<string, unknown>>> {
    const wasBroken = this.isBroken;
    try {
      if (this.client === null) throw new Error('the connection broke');
      return await this.client.query<Record<string, unknown>>(query);
    } catch (error) {
      const found = databaseError(error, phase !== 'in transaction' && !wasBroken);
      if (found.problem === 'unknown' || found.problem === 'away') this.broke();
      // The server has ended the session, before or after it was done: only where it waits for replicas, but nobody knows.
      throw phase !== 'in transaction' && isUnseen(found) ? new DatabaseError('unknown', found.message, found) : found;
    }
  }

  /** Gives the broken one back first: there may be no room for another. */
  private async renew(): Promise<void> {
    this.give(true);
    this.take(await this.connect());
    this.isBroken = false;
  }

  private take(client: PoolClient): void {
    this.client = client;
    // Without a listener the process would end with it.
    client.on('error', this.broke);
  }

  private give(isUseless: boolean): void {
    this.client?.off('error', this.broke);
    this.client?.release(isUseless);
    this.client = null;
  }

  private readonly broke = (): void => {
    if (!this.isBroken) this.onLost();
    this.isBroken = true;
  };
}

function parametersOf(values: readonly unknown[]): unknown[] {
  try {
    return values.map(toParameter);
  } catch (error) {
    throw databaseErrorOf(error);
  }
}

function databaseErrorOf(error: unknown): DatabaseError {
  return new DatabaseError('refused', error instanceof Error ? error.message : String(error), { cause: error });
}
