/** The web pages that may connect (`security.allowed_origins`), and what is said of those that may not. */
import { TokenBucket } from '../limits/token-bucket.ts';
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';

/** The entry for every page of this machine, whatever its port. */
const LOOPBACK = 'loopback';

const LOOPBACK_ORIGIN = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;
/** What a browser sends, so that it makes sense as an entry. */
const ORIGIN =
  /^(?:null|file:\/\/|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(?::\d{1,5})?|https?:\/\/\[[0-9a-f:]+\](?::\d{1,5})?)$/;

/** Refused origins that are remembered as logged. */
const REMEMBERED = 200;
/** Origins are free to invent: lines of the log about them are not. */
const LOG_RATE = { perSecond: 0.1, burst: 50 };
const MAX_LOGGED = 200;

export interface OriginOptions {
  readonly allowed: readonly string[];
  /** Whether a refused page is told what is allowed: on a developer's own machine. */
  readonly isTold: boolean;
}

/** Decides on origins, and logs each refused one once with the line that would let it in. */
export class Origins {
  private readonly options: OriginOptions;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly logged = new Set<string>();
  private readonly lines = new TokenBucket(LOG_RATE);

  constructor(options: OriginOptions, clock: Clock, log: Log) {
    this.options = options;
    this.clock = clock;
    this.log = log;
  }

  allows(origin: string): boolean {
    return isOriginAllowed(origin, this.options.allowed);
  }

  /** Why a page of this origin may not connect, or `null`. */
  problem(origin: string): Refusal | null {
    if (this.allows(origin)) return null;
    this.logOnce(origin);
    const { allowed, isTold } = this.options;
    const known = isTold ? ` (${allowed.length === 0 ? 'no page' : allowed.join(', ')})` : '';
    return refusal(
      'origin_not_allowed',
      `expected an Origin from security.allowed_origins${known}, got ${quote(origin)}: the log has the line to add`,
    );
  }

  private logOnce(origin: string): void {
    const shown = origin.slice(0, MAX_LOGGED);
    if (this.logged.has(shown) || !this.lines.take(1, this.clock.elapsed())) return;
    if (this.logged.size >= REMEMBERED) this.logged.delete([...this.logged][0] ?? '');
    this.logged.add(shown);
    const { allowed } = this.options;
    this.log.warn('A web page of this origin was refused', {
      origin: shown,
      allowed,
      ...(ORIGIN.test(shown) && { to_allow_it: `[security] allowed_origins = ${JSON.stringify([...allowed, shown])}` }),
    });
  }
}

/** Whether a page of this origin may connect. Programs send no origin and are known by their token alone. */
export function isOriginAllowed(origin: string, allowed: readonly string[]): boolean {
  if (origin === '') return true;
  return allowed.some((entry) => {
    if (entry === LOOPBACK) return LOOPBACK_ORIGIN.test(origin);
    // `*.example.com` or `https://*.example.com`: whole labels in front of exactly this host, any depth.
    const star = entry.indexOf('*.');
    if (star === -1) return entry === origin;
    const scheme = entry.slice(0, star);
    const host = entry.slice(star + 1);
    const rest =
      scheme === '' ? origin.replace(/^https?:\/\//, '') : origin.startsWith(scheme) ? origin.slice(scheme.length) : '';
    return rest.endsWith(host) && rest.length > host.length && /^[A-Za-z0-9.-]+$/.test(rest.slice(0, -host.length));
  });
}
