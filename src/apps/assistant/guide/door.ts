/** What all ways of the guide's clients have in common: who may come in, how often, and how a refusal is told, logged and counted. */
import type { Principal } from '../../../auth/principal.ts';
import { KeyedBuckets } from '../../../limits/keyed-buckets.ts';
import { TokenBucket } from '../../../limits/token-bucket.ts';
import { ERRORS, type Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Counter, Host } from '../../host-api.ts';
import type { Settings } from '../settings.ts';
import { chatError, type ChatError } from './errors.ts';

const MINUTE_SECS = 60;
/** Users whose rate is remembered. */
const MOST_USERS = 100_000;
/** Lines on refusals: a flood of bad requests must not fill the disk. */
const LINES = { perSecond: 100, burst: 1_000 };
/** As clients and proxies choose them. */
const GIVEN_ID = /^[A-Za-z0-9._:-]{8,64}$/;

type Headers = Readonly<Record<string, string>>;

type Header = (name: string) => string | undefined;
type Body = Readonly<Record<string, JsonValue>>;

/** A refusal, also one that is read from a frame. */
type Told = Pick<Refusal, 'reason' | 'message' | 'retryAfterMs' | 'details'>;

type DoorHost = Pick<Host, 'clock' | 'random' | 'log' | 'refuse'>;

export class Door {
  private readonly host: DoorHost;
  private readonly settings: Pick<Settings, 'guide_role' | 'requests_per_minute'>;
  private readonly errors: Counter;
  private readonly rates: KeyedBuckets;
  private readonly lines = new TokenBucket(LINES);
  private unlogged = 0;

  /** @param errors by code */
  constructor(host: DoorHost, settings: Door['settings'], errors: Counter) {
    this.host = host;
    this.settings = settings;
    this.errors = errors;
    const perMinute = settings.requests_per_minute;
    this.rates = new KeyedBuckets({ perSecond: perMinute / MINUTE_SECS, burst: perMinute }, MOST_USERS);
  }

  /** Why this user may not come in, or `null`. */
  roleProblem({ roles }: Pick<Principal, 'roles'>): Refusal | null {
    const { guide_role: role } = this.settings;
    return roles.includes(role) ? null : this.host.refuse('not_allowed', `expected a token with the role ${role}`);
  }

  /** Takes one request of the user's minute. */
  rateProblem(user: Pick<Principal, 'tenant' | 'user'>): Refusal | null {
    const now = this.host.clock.elapsed();
    const key = keyOf(user);
    if (this.rates.take(key, 1, now)) return null;
    const { requests_per_minute: most } = this.settings;
    return this.host.refuse('rate_limited', `expected at most ${most} requests a minute`, {
      retryAfterMs: this.rates.wait(key, 1, now),
      details: { limit: most, window_seconds: MINUTE_SECS },
    });
  }

  /** What is left of the minute. */
  rateHeaders(user: Pick<Principal, 'tenant' | 'user'>): Headers {
    const { clock } = this.host;
    const { limit, remaining, fullInMs } = this.rates.level(keyOf(user), clock.elapsed());
    return {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(remaining),
      'x-ratelimit-reset': String(Math.ceil((clock.now() + fullInMs) / 1_000)),
    };
  }

  /** The id that the client or a proxy has given the request, or a new one. */
  correlationOf(header: Header): string {
    const given = header('x-correlation-id') ?? header('x-request-id');
    return given !== undefined && GIVEN_ID.test(given) ? given : this.newCorrelation();
  }

  newCorrelation(): string {
    return `${this.host.random.id()}${this.host.random.id()}`;
  }

  /** Logged, counted, and as clients are told it. @param where it was refused: a route, or a type of the envelope */
  refused(problem: Told, where: string, correlationId: string): ChatError {
    const error = chatError(problem, correlationId);
    this.errors.add(1, error.code);
    if (this.lines.take(1, this.host.clock.elapsed())) this.line(problem, where, error);
    else this.unlogged += 1;
    return error;
  }

  /** The same as an answer of HTTP, with the id that the request has or is given. */
  answer(problem: Refusal, where: string, header: Header): { readonly headers: Headers; readonly body: Body } {
    const error = this.refused(problem, where, this.correlationOf(header));
    return {
      headers: { 'x-correlation-id': error.correlation_id, ...budgetHeaders(problem, this.host.clock.now()) },
      body: { success: false, error: { ...error } },
    };
  }

  private line({ reason, message }: Told, where: string, { code, correlation_id }: ChatError): void {
    const { log } = this.host;
    // Messages of refusals say what was expected, and nothing of what a user wrote.
    const fields = {
      correlation_id,
      code,
      reason,
      where,
      message,
      ...(this.unlogged > 0 && { unlogged: this.unlogged }),
    };
    this.unlogged = 0;
    if (ERRORS[reason].code >= 500) log.warn('Refused', fields);
    else log.info('Refused', fields);
  }
}

function keyOf({ tenant, user }: Pick<Principal, 'tenant' | 'user'>): string {
  return `${tenant}/${user}`;
}

/** What a token budget that is used up says of itself, as asking.ts refuses it. */
function budgetHeaders({ details, retryAfterMs = 0 }: Refusal, now: number): Headers {
  const { tokens, limit } = details ?? {};
  if (typeof tokens !== 'number' || typeof limit !== 'number') return {};
  return {
    'x-token-budget-limit': String(limit),
    'x-token-budget-remaining': String(Math.max(0, limit - tokens)),
    'x-token-budget-reset': String(Math.ceil((now + retryAfterMs) / 1_000)),
  };
}
