/** Login, refresh and logout. */
import { networkOf } from '../../node/client-address.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import { writeAudit, type Caller } from './audit.ts';
import { endEverything, type Given } from './sessions.ts';
import type { Asker, Ports } from './ports.ts';
import { normalEmail, ownProfile, setPassword, userByEmail, type OwnProfile, type UserRecord } from './users.ts';

export interface LoggedIn {
  readonly user: OwnProfile;
  readonly token: string;
  readonly refreshToken: string;
  /** When the access token ends, ISO 8601. */
  readonly expiresAt: string;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** How long after its end a token is refused as revoked: longer than clocks differ. */
const SLACK_SECS = 300;
/** Tokens of a session that are revoked one by one; of more, the user's are all revoked. */
const MAX_SINGLE = 20;

/** Says the same, and takes as long, for a wrong password and for an account that is not there. */
export async function login(ports: Ports, credentials: Credentials, caller: Caller): Promise<LoggedIn | Refusal> {
  const { host, database, sessions, throttle, told } = ports;
  const email = normalEmail(credentials.email);
  const refused = await throttle.attempt(email, networkOf(caller.address), host.clock.now());
  const user = await userByEmail(database, email);
  if (refused !== null) return failed(ports, user, caller, 'login_throttled', refused);
  const checked = await ports.passwords.check(credentials.password, user?.password ?? null);
  if (checked === null) {
    told('login_overloaded');
    return refusal('over_capacity', 'expected fewer logins at once: this node is busy with others', 1_000);
  }
  if (!checked.isRight || user === undefined)
    return failed(
      ports,
      user,
      caller,
      'login_failed',
      refusal('credentials_invalid', 'expected the e-mail address and the password of an account'),
    );
  if (!user.is_active) return failed(ports, user, caller, 'login_failed', inactive());
  const now = host.clock.now();
  if (checked.better !== null) await setPassword(database, user.id, checked.better, now);
  const given = await sessions.open(user, caller, now);
  if (given === null) return refusal('credentials_invalid', 'the account has changed meanwhile: log in again');
  await throttle.succeeded(email);
  await writeAudit(database, { ...about(user), action: 'login', actor: user.id, ...caller }, now);
  told('login');
  return loggedIn(ports, given);
}

export async function refresh(ports: Ports, token: string, caller: Caller): Promise<LoggedIn | Refusal> {
  const { host, database, sessions, told } = ports;
  const now = host.clock.now();
  const answer = await sessions.exchange(token, now);
  if (!('problem' in answer)) {
    told('refresh');
    return loggedIn(ports, answer);
  }
  told(`refresh_${answer.problem}`);
  if (answer.problem !== 'reused') return LOST[answer.problem]();
  const { user, session } = answer;
  host.log.warn('A refresh token came again: its session has ended', { user: user.id, session });
  await revokeSession(ports, user, session);
  await writeAudit(database, { ...about(user), action: 'refresh_reused', actor: null, ...caller }, now);
  return refusal('token_revoked', 'the refresh token was used before: its session has ended, log in again');
}

const LOST = {
  unknown: () => refusal('token_invalid', 'expected a refresh token of this server'),
  expired: () => refusal('token_expired', 'the refresh token has expired: log in again'),
  ended: () => refusal('token_revoked', 'the session of the refresh token has ended: log in again'),
  inactive,
} as const;

/** Ends the session of the access token, with its sockets on all nodes; or every session of the user. */
export async function logout(
  ports: Ports,
  asker: Asker & { readonly tokenId: string | undefined },
  isEverywhere: boolean,
  caller: Caller,
): Promise<{ readonly success: true } | Refusal> {
  const { host, database, sessions, settings } = ports;
  const { tenant, user, tokenId } = asker;
  const now = host.clock.now();
  if (isEverywhere) {
    await endEverything(database, asker, { because: 'logout' }, now);
    await host.revoke({ tenant, user }, { issuedBefore: now });
  } else if (tokenId === undefined) {
    return refusal('wrong_state', 'expected a token with an id (jti): without one, only everywhere=true ends it');
  } else {
    const session = await sessions.endOf(user, tokenId, 'logout', now);
    // Of another issuer, or older than its session: the token itself ends all the same.
    if (session === null) await host.revokeToken(tokenId, settings.access_secs + SLACK_SECS);
    else await revokeSession(ports, { tenant, id: user }, session);
  }
  const action = isEverywhere ? 'logout_everywhere' : 'logout';
  await writeAudit(database, { tenant, action, actor: user, user, ...caller }, now);
  ports.told(action);
  return { success: true };
}

/** The access token for what was given, and what clients are told of it. */
export function loggedIn({ issue, host, settings }: Ports, { user, refreshToken, accessId }: Given): LoggedIn {
  // Never before what was revoked, whatever the clocks of two nodes say.
  const issuedAt = Math.max(host.clock.now(), (user.tokens_from?.getTime() ?? 0) + 1);
  const expiresAt = Math.ceil(issuedAt / 1_000 + settings.access_secs) * 1_000;
  const { tenant, id, roles } = user;
  const token = issue({ tenant, user: id, roles, tokenId: accessId, issuedAt, expiresAt });
  return { user: ownProfile(user), token, refreshToken, expiresAt: new Date(expiresAt).toISOString() };
}

/** Refuses the access tokens of a session that has ended, and closes its sockets. */
async function revokeSession(
  { host, sessions, settings }: Ports,
  { tenant, id }: Pick<UserRecord, 'tenant' | 'id'>,
  session: string,
): Promise<void> {
  const forSecs = settings.access_secs + SLACK_SECS;
  const now = host.clock.now();
  const tokens = await sessions.liveAccess(session, now);
  if (tokens.length > MAX_SINGLE) await host.revoke({ tenant, user: id }, { issuedBefore: now, forSecs });
  else await Promise.all(tokens.map((token) => host.revokeToken(token, forSecs)));
}

function inactive(): Refusal {
  return refusal('account_inactive', 'this account was deactivated');
}

/** Written down whether there is such an account or not, so that both take as long. */
async function failed(
  { database, host, told }: Ports,
  user: UserRecord | undefined,
  caller: Caller,
  action: 'login_failed' | 'login_throttled',
  problem: Refusal,
): Promise<Refusal> {
  const whom = user === undefined ? { tenant: '', user: null } : about(user);
  await writeAudit(database, { ...whom, action, actor: null, ...caller }, host.clock.now());
  told(action);
  return problem;
}

function about({ tenant, id }: UserRecord): { readonly tenant: string; readonly user: string } {
  return { tenant, user: id };
}
