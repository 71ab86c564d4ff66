/** Whether a server is one that the statements of applications are written for. */
import { DatabaseError } from './database-error.ts';
import type { Session } from './driver.ts';

const MIN_VERSION = 15;

/**
 * What was expected and what came, or `null`.
 * @throws DatabaseError `away` for a replica: the primary may be there in a moment
 */
export async function unfitness(session: Session): Promise<string | null> {
  const { rows } = await session.query(
    `select current_setting('server_version_num')::int / 10000 as version, current_setting('server_encoding') as encoding, pg_is_in_recovery() as "isReplica"`,
    [],
  );
  const { version, encoding, isReplica } = rows[0] ?? {};
  if (Number(version) < MIN_VERSION || encoding !== 'UTF8')
    return `expected PostgreSQL ${MIN_VERSION} or later with a database in UTF8, got ${String(version)} and ${String(encoding)}`;
  if (isReplica === true) throw new DatabaseError('away', 'expected the primary, got a replica, which only reads');
  return null;
}
