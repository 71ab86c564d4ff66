/** What is wrong with the Redis in use, each fault logged once when it comes and once when it has gone. */
import type { Log } from '../telemetry/log.ts';
import { isForbidden, type RedisFailure } from './failure.ts';
import type { UnfitCause } from './problem.ts';

export class Condition {
  /** What has to be changed in Redis, or the empty text. */
  problem = '';
  /** Of the problem; `null` when there is none. */
  cause: UnfitCause | null = null;
  /** It refuses everything that needs memory. */
  isFull = false;
  /** A command was refused that we must be allowed: the rights are to be looked at again. */
  isDoubted = false;
  private hasRefused = false;
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  /** A command has failed. */
  failed(failure: RedisFailure): void {
    if (isForbidden(failure)) this.isDoubted = true;
    if (failure.code !== 'OOM') return;
    this.hasRefused = true;
    this.setFull(true);
  }

  /** Redis cannot be used. */
  refused(problem: string, cause: UnfitCause): void {
    if (problem !== this.problem) this.log.error('This Redis cannot carry the service', { problem });
    this.problem = problem;
    this.cause = cause;
  }

  /** Redis is used, with a problem or without. */
  used(problem: string, cause: UnfitCause | null, isFull: boolean): void {
    if (problem !== this.problem) {
      if (problem === '') this.log.info('Redis is mended', { was: this.problem });
      else this.log.warn('Redis was changed while it is in use: not ready until it is mended', { problem });
    }
    this.problem = problem;
    this.cause = cause;
    // Where memory is short by little, some commands are taken and some are not.
    this.setFull(isFull || this.hasRefused);
    this.hasRefused = false;
  }

  private setFull(isFull: boolean): void {
    if (isFull === this.isFull) return;
    this.isFull = isFull;
    if (isFull)
      this.log.error('Redis is full: nothing can be stored, not ready until there is room', {
        action: 'raise maxmemory, or shorten topics.history, age_secs, max_bytes',
      });
    else this.log.info('Redis has room again');
  }
}
