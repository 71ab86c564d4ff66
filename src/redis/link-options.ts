/** How the link to Redis is set up, and what is told of it. */
import type { Deployment } from './deployment.ts';
import type { RedisAddress } from '../config/redis-url.ts';

export interface LinkOptions {
  readonly address: RedisAddress;
  readonly prefix: string;
  readonly deployment: Deployment;
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxRetryMs: number;
  /** Failures in a row that open the breaker, and how long it stays open before one call may try. */
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}

export interface LinkCounts {
  /** Times that a connection for commands was lost. */
  lost: number;
  /** Calls without an answer in time. */
  timeouts: number;
  /** Calls that were not sent because the link was down. */
  refused: number;
}

/** Why a node on this Redis is no place for new clients. */
export type LinkTrouble = 'away' | 'unfit' | 'full';
