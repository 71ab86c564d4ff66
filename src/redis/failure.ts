/** Why a command has no result, and what that means for who sent it. */

/** Instead of a result. */
export class RedisFailure {
  /** `unavailable`: the command had no effect. `unknown`: it may have had one. */
  readonly outcome: 'unavailable' | 'unknown';
  /** Redis itself does not answer, or says that it cannot: counts for the circuit breaker. */
  readonly isOutage: boolean;
  /** The first word of an error reply, else what happened. */
  readonly code: string;
  readonly message: string;

  constructor(outcome: RedisFailure['outcome'], isOutage: boolean, code: string, message: string) {
    this.outcome = outcome;
    this.isOutage = isOutage;
    this.code = code;
    this.message = message;
  }
}

/** Error replies that are given before anything is executed. All others leave it open. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'OOM',
  'READONLY',
  'NOREPLICAS',
  'MISCONF',
  'NOSCRIPT',
  'NOAUTH',
  'NOPERM',
  'WRONGPASS',
  'LOADING',
  'BUSY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'CROSSSLOT',
]);
const OUTAGES: ReadonlySet<string> = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN']);

export const NOT_CONNECTED = new RedisFailure('unavailable', false, 'not_connected', 'the link to Redis is down');

export const TIMED_OUT = new RedisFailure('unknown', true, 'timeout', 'Redis did not answer in time');

export function isFailure(result: unknown): result is RedisFailure {
  return result instanceof RedisFailure;
}

/** Redis says that the user of `redis.url` may not do this; in a script it says so in other words. */
export function isForbidden({ code, message }: RedisFailure): boolean {
  return code === 'NOPERM' || message.startsWith("ERR The user executing the script can't ");
}

/** Sorts an error of the client library. */
export function failureOf(error: unknown): RedisFailure {
  const text = error instanceof Error ? error.message : String(error);
  // How the cluster client reports a redirection that it was told not to follow.
  const message = text.replace(/^Too many Cluster redirections\. Last error: (?:\w+: )?/, '');
  const code = /^[A-Z]+(?= |$)/.exec(message)?.[0];
  if (code !== undefined && WITHOUT_EFFECT.has(code))
    return new RedisFailure('unavailable', OUTAGES.has(code), code, message);
  // The library's words for a command that it has not sent.
  if (/isn't writeable|enableOfflineQueue/.test(message)) return NOT_CONNECTED;
  if (code !== undefined) return new RedisFailure('unknown', false, code, message);
  return new RedisFailure('unknown', true, /timed out/.test(message) ? 'timeout' : 'connection', message);
}
