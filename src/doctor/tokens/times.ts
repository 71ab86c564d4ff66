/** What the times of a token say of its issuer: units, clocks, and how long it lives. */
import { fail, ok, warn, type Observation } from '../finding.ts';
import type { GivenToken } from './given-token.ts';

/** As seconds this is the year 5138; as milliseconds it was 1973. */
const LEAST_MS = 100_000_000_000;
const YEAR_SECS = 366 * 86_400;
/** `iat` counts whole seconds, and what is asked takes its time. */
const SLACK_SECS = 2;
const CLOCK = 'set its clock (timedatectl, chronyc tracking)';

interface Times {
  readonly exp: number | undefined;
  readonly iat: number | undefined;
  readonly nbf: number | undefined;
}

function timesOf({ parts }: GivenToken): Times {
  const read = (name: string): number | undefined => {
    const value = parts?.claims[name];
    return typeof value === 'number' ? value : undefined;
  };
  return { exp: read('exp'), iat: read('iat'), nbf: read('nbf') };
}

/** Why a token that is refused for its times has such, or `null` when they are not to blame. @param now seconds since 1970 */
export function timesCause(token: GivenToken, now: number, leewaySecs: number): Observation | null {
  const { label } = token;
  const { exp, iat, nbf } = timesOf(token);
  const text = ['exp', 'iat', 'nbf'].find((name) => {
    const value = token.parts?.claims[name];
    return value !== undefined && typeof value !== 'number';
  });
  if (text !== undefined)
    return fail(
      `${label} has ${text} as ${typeof token.parts?.claims[text]}`,
      `let the issuer write ${text} as a number of seconds`,
    );
  if (nbf !== undefined && nbf > now + leewaySecs) {
    if (nbf > LEAST_MS) return inMilliseconds(label, 'nbf', nbf, fail);
    return fail(
      `${label} is not valid for another ${secs(nbf - now)} (nbf): the issuer's clock is that far ahead, or it means it`,
      `at the issuer: ${CLOCK}; auth.leeway_secs tolerates ${leewaySecs}`,
    );
  }
  if (exp === undefined || exp > now - leewaySecs) return null;
  if (iat !== undefined && exp <= iat)
    return fail(
      `${label} expires before it was issued: exp is ${secs(iat - exp)} before iat`,
      'let the issuer add the lifetime to iat',
    );
  const made =
    iat === undefined || iat > LEAST_MS
      ? ''
      : `: it was issued ${secs(now - iat)} ago by its issuer's clock and lives ${secs(exp - iat)}`;
  return fail(
    `${label} expired ${secs(now - exp)} ago${made}`,
    iat === undefined
      ? 'get a new token'
      : `get a new token; if this one was made just now, the issuer's clock is ${secs(now - iat)} behind: ${CLOCK}`,
  );
}

/** Faults of a token that is accepted all the same, with the harm that they will do. @param now seconds since 1970 */
export function timesWarnings(token: GivenToken, now: number, leewaySecs: number): readonly Observation[] {
  const { label } = token;
  const { exp, iat, nbf } = timesOf(token);
  const found: Observation[] = [];
  if (exp === undefined)
    found.push(
      warn(`${label} never expires`, 'let the issuer set exp: a token that leaks is good until it is revoked'),
    );
  else if (exp > LEAST_MS) found.push(inMilliseconds(label, 'exp', exp));
  else if (exp > now + YEAR_SECS)
    found.push(
      warn(
        `${label} expires in ${((exp - now) / YEAR_SECS).toFixed(1)} years`,
        'let the issuer make tokens of minutes or hours: a revocation is remembered for 30 days (ttl_secs)',
      ),
    );
  if (iat !== undefined && iat > LEAST_MS) found.push(inMilliseconds(label, 'iat', iat));
  const ahead = Math.max(...[iat, nbf].map((time) => (time === undefined || time > LEAST_MS ? 0 : time - now)));
  if (ahead > SLACK_SECS)
    found.push(
      warn(
        `the issuer of ${label} has a clock that is at least ${secs(ahead)} ahead of this one`,
        `at the issuer: ${CLOCK}; auth.leeway_secs (${leewaySecs}) tolerates no more, and revocations count these tokens as older`,
      ),
    );
  return found.length > 0 ? found : [ok(`${label} ${lifeOf(exp, iat, now)}`)];
}

function lifeOf(exp: number | undefined, iat: number | undefined, now: number): string {
  const age =
    iat === undefined ? 'does not say when it was issued' : `was issued ${secs(now - iat)} ago by its issuer's clock`;
  if (exp === undefined) return age;
  return `${age}, and ${exp > now ? `expires in ${secs(exp - now)}` : `expired ${secs(now - exp)} ago`}`;
}

/** The server takes it as seconds (RFC 7519 knows nothing else), and a token that was meant for an hour is good for ever. */
function inMilliseconds(label: string, name: string, value: number, level: typeof warn = warn): Observation {
  const years = Math.floor(value / YEAR_SECS);
  const meant = new Date(value).toISOString().slice(0, 19);
  const harm =
    name === 'iat'
      ? 'it counts as issued at the beginning of time, so revoking its user refuses newer tokens too'
      : `it means the year ${1970 + years}`;
  return level(
    `${label} has ${name} in milliseconds (${value}, which would be ${meant}Z): as seconds ${harm}`,
    `let the issuer divide by 1,000: Math.floor(Date.now() / 1000)`,
  );
}

function secs(value: number): string {
  return `${Math.max(0, Math.round(value))} s`;
}
