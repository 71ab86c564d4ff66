/** What operators are shown of the database: reads only, one statement each, nothing of what rows or statements say. */
import type { Session } from './driver.ts';
import { schemaOf, type MigrationSet } from './migration.ts';
import { migrationStatus } from './migrate.ts';

interface LongStatement {
  readonly pid: number;
  readonly who: string;
  readonly state: string;
  readonly secs: number;
  /** The first word of it. */
  readonly verb: string;
  /** Processes that it waits for. */
  readonly blocked_by: readonly number[];
}

export interface DatabaseLook {
  readonly version: string;
  readonly bytes: number;
  /** Of a trivial statement. */
  readonly latency_ms: number;
  readonly connections: number;
  readonly max_connections: number;
  readonly migrations: { readonly pending: readonly string[]; readonly changed: readonly string[] };
  /** Indexes that migrations make and that are not there, or not whole. */
  readonly missing_indexes: readonly string[];
  /** Statements and transactions that began more than ten seconds ago. */
  readonly long: readonly LongStatement[];
}

const LONG_SECS = 10;
const MAKES = /\bcreate\s+(?:unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?"?(\w+)"?\s+on\b/gi;
const DROPS = /\bdrop\s+index\s+(?:concurrently\s+)?(?:if\s+exists\s+)?"?(\w+)"?/gi;

const STATE = `select current_setting('server_version') as version, pg_database_size(current_database())::float8 as bytes,
  current_setting('max_connections')::int as max, (select count(*)::int from pg_stat_activity) as connections`;
const INDEXES = `select n.nspname || '.' || c.relname as name from pg_index i
  join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where i.indisvalid`;
const LONG = `select pid, coalesce(application_name, '') as who, coalesce(state, '') as state,
  extract(epoch from now() - xact_start)::float8 as secs, split_part(ltrim(query), ' ', 1) as verb,
  array_to_string(pg_blocking_pids(pid), ',') as blockers
  from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
  and (xact_start < now() - interval '${LONG_SECS} seconds'
    or (cardinality(pg_blocking_pids(pid)) > 0 and query_start < now() - interval '1 second'))
  order by xact_start limit 20`;

/** @param now of the monotonic clock, in ms */
export async function lookAtDatabase(
  session: Session,
  sets: readonly MigrationSet[],
  now: () => number,
): Promise<DatabaseLook> {
  const askedAt = now();
  await session.query('select 1', []);
  const latency = now() - askedAt;
  const [state] = (await session.query(STATE, [])).rows;
  const migrations = await migrationStatus(session, sets);
  const named = (wanted: string): string[] =>
    migrations.filter((it) => it.state === wanted).map(({ app, name }) => `${app}/${name}`);
  const there = new Set((await session.query(INDEXES, [])).rows.map(({ name }) => String(name)));
  const applied = sets.map((set) => ({
    ...set,
    migrations: set.migrations.filter(({ name }) =>
      migrations.some((it) => it.app === set.app && it.name === name && it.state === 'applied'),
    ),
  }));
  return {
    version: textOf(state?.['version']),
    bytes: Number(state?.['bytes'] ?? 0),
    latency_ms: Math.round(latency * 10) / 10,
    connections: Number(state?.['connections'] ?? 0),
    max_connections: Number(state?.['max'] ?? 0),
    migrations: { pending: named('pending'), changed: named('changed') },
    missing_indexes: applied.flatMap(indexesOf).filter((name) => !there.has(name)),
    long: (await session.query(LONG, [])).rows.map(longOf),
  };
}

/** The indexes that are there after all migrations. */
function indexesOf({ app, migrations }: MigrationSet): readonly string[] {
  const names = new Set<string>();
  for (const { sql } of migrations) {
    for (const [, name = ''] of sql.matchAll(DROPS)) names.delete(name);
    for (const [, name = ''] of sql.matchAll(MAKES)) names.add(name);
  }
  return [...names].map((name) => `${schemaOf(app)}.${name.toLowerCase()}`);
}

function longOf(row: Readonly<Record<string, unknown>>): LongStatement {
  const blockers = textOf(row['blockers']);
  return {
    pid: Number(row['pid']),
    who: String(row['who']),
    state: String(row['state']),
    secs: Math.round(Number(row['secs'])),
    verb: /^\w{1,20}/.exec(String(row['verb']))?.[0]?.toLowerCase() ?? '',
    blocked_by: blockers === '' ? [] : blockers.split(',').map(Number),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
