/** The keys of `[apps.accounts]`. */
import type { z } from 'zod';
import type { Zod } from '../vocabulary.ts';

export type Settings = z.output<ReturnType<typeof settings>>;

const DAY_SECS = 86_400;

export function settings(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  return z.strictObject({
    access_secs: count(900, 60, DAY_SECS).describe('how long an access token lives'),
    refresh_secs: count(30 * DAY_SECS, 60, 365 * DAY_SECS).describe('how long a refresh token lives that nobody uses'),
    session_secs: count(90 * DAY_SECS, 60, 3_650 * DAY_SECS).describe(
      'how long after a login its tokens can be refreshed; then it takes the password again',
    ),
    refresh_grace_secs: count(10, 0, 60).describe(
      'how long a refresh token may be sent again whose answer was lost, if nobody has used the answer; beyond, its family ends',
    ),
    signing_key: z
      .string()
      .min(1)
      .meta({ secret: 'text' })
      .optional()
      .describe('private key (PEM) that signs access tokens, with its public key in auth; default: auth.jwt_secret'),
    roles: z.array(z.string().min(1).max(64)).max(32).default(['user']).describe('roles of users who are given none'),
    password_min: count(10, 8, 128).describe('characters of a password at least'),
    scrypt_log2: count(15, 14, 20).describe('scrypt: binary logarithm of N; N kibibytes of memory for each login'),
    scrypt_parallel: count(3, 1, 16).describe('scrypt: p; time grows with it'),
    scrypt_at_once: count(2, 1, 64).describe(
      'passwords that a node hashes at once, in threads beside the event loop; a process has four of these',
    ),
    scrypt_waiting: count(50, 0, 10_000).describe('logins that wait for that; more are refused with 503'),
    attempts_per_account: count(10, 1, 10_000).describe('logins to an account in the window; a good one resets them'),
    attempts_per_address: count(50, 1, 1_000_000).describe('logins from an address in the window'),
    attempts_window_secs: count(900, 1, DAY_SECS).describe('the window of attempts'),
    audit_days: count(365, 1, 36_500).describe('how long the audit is kept'),
  });
}
