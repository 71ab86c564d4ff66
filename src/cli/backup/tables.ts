/** The schemas of this server in a database, and the rows of their tables. */
import type { Session } from '../../database/driver.ts';
import { schemaOf } from '../../database/migration.ts';

/** Of the server and of every application that has ever kept something here: none of anybody else's. */
export async function ownSchemas(session: Session): Promise<readonly string[]> {
  const { rows } = await session.query(`select to_regclass('signalbox.migrations') is not null as there`, []);
  if (rows[0]?.['there'] !== true) return [];
  const { rows: apps } = await session.query('select distinct app from signalbox.migrations order by app', []);
  return ['signalbox', ...apps.map(({ app }) => schemaOf(String(app)))];
}

/** As they are for this session: in a transaction that reads repeatably, of one moment. */
export async function rowCounts(
  session: Session,
  schemas: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const { rows: tables } = await session.query(
    `select schemaname as schema, tablename as name from pg_tables where schemaname = any($1) order by 1, 2`,
    [schemas],
  );
  const counts: Record<string, number> = {};
  for (const { schema, name } of tables) {
    const { rows } = await session.query(
      `select count(*)::int8 as rows from "${String(schema)}"."${String(name)}"`,
      [],
    );
    counts[`${String(schema)}.${String(name)}`] = Number(rows[0]?.['rows'] ?? 0);
  }
  return counts;
}
