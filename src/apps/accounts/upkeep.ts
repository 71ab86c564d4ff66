/** What happens by itself: revocations are told again after a restart, and rows that nobody needs any more are deleted. */
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import { Rounds } from '../rounds.ts';
import type { Settings } from './settings.ts';
import type { Tables } from './tables.ts';

interface Ports {
  readonly host: Host;
  readonly database: Database;
  readonly settings: Settings;
}

const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
const SLACK_MS = 300_000;
const MAX_TOLD = 10_000;

/**
 * A node without a store that nodes share forgets at its end what was revoked: the tables know it. Beyond the newest 10,000
 * a token may live its rest of minutes.
 */
export async function tellRevocations({ host, database, settings }: Ports): Promise<void> {
  const tables = database.tables<Tables>();
  const since = new Date(host.clock.now() - settings.access_secs * 1_000 - SLACK_MS);
  const forSecs = settings.access_secs + SLACK_MS / 1_000;
  const users = await tables
    .selectFrom('users')
    .select(['tenant', 'id', 'is_active', 'tokens_from'])
    .where('tokens_from', '>', since)
    .orderBy('tokens_from', 'desc')
    .limit(MAX_TOLD)
    .execute();
  for (const { tenant, id, is_active: isActive, tokens_from: from } of users)
    if (from !== null)
      await host.revoke({ tenant, user: id }, { issuedBefore: from.getTime(), forSecs, isClosed: !isActive });
  const tokens = await tables
    .selectFrom('sessions')
    .innerJoin('refresh_tokens', 'refresh_tokens.session', 'sessions.id')
    .select('access_id')
    .where('ended_at', '>', since)
    .where('issued_at', '>', since)
    .orderBy('issued_at', 'desc')
    .limit(MAX_TOLD)
    .execute();
  for (const { access_id: token } of tokens) await host.revokeToken(token, forSecs);
}

export function upkeepOf(ports: Ports): Rounds {
  const { host, database } = ports;
  const work = (): Promise<void> => host.background('old rows', () => tidy(ports));
  return new Rounds({ scheduler: host.scheduler, database, everyMs: EVERY_MS, work });
}

/** Sessions stay for a day after their end, for those who look what happened; their tokens go with them. */
export async function tidy({
  host,
  database,
  settings,
}: Pick<Ports, 'database'> & {
  readonly host: Pick<Host, 'clock'>;
  readonly settings: Pick<Settings, 'audit_days'>;
}): Promise<void> {
  const tables = database.tables<Tables>();
  const now = host.clock.now();
  const before = new Date(now - DAY_MS);
  await tables
    .deleteFrom('sessions')
    .where((of) => of.or([of('expires_at', '<', before), of('ended_at', '<', before)]))
    .execute();
  await tables.deleteFrom('refresh_tokens').where('expires_at', '<', before).execute();
  await tables.deleteFrom('attempts').where('until', '<', new Date(now)).execute();
  await tables
    .deleteFrom('audit')
    .where('at', '<', new Date(now - settings.audit_days * DAY_MS))
    .execute();
}
