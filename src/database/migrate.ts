/**
 * Applies migrations, each in a transaction of its own under one lock, so that nodes that start at the same time do it once,
 * and a node that is killed leaves none of it half done.
 */
import { DatabaseError } from './database-error.ts';
import type { Session } from './driver.ts';
import { checksumOf, schemaOf, type Migration, type MigrationSet } from './migration.ts';

export interface MigrationStatus {
  readonly app: string;
  readonly name: string;
  /** `changed`: applied with another text. `unknown`: applied by a version that has it, which this one has not. */
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown';
  readonly appliedAt: Date | null;
}

/** Of the transaction: it ends with it, also behind a pooler that gives connections to others. */
const LOCK = 'select pg_advisory_xact_lock(1397310028, 1)';
const BOOKS = `create schema if not exists signalbox;
create table if not exists signalbox.migrations (
  app text not null,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  primary key (app, name)
)`;

/** @returns what was applied now; each is told as soon as it is */
export async function migrate(
  session: Session,
  sets: readonly MigrationSet[],
  applied: (migration: MigrationStatus) => void = () => {},
): Promise<readonly MigrationStatus[]> {
  await locked(session, () => session.script(BOOKS));
  const before = await migrationStatus(session, sets);
  const changed = before.find(({ state }) => state === 'changed');
  if (changed !== undefined)
    throw new DatabaseError(
      'refused',
      `expected ${changed.app}/${changed.name} as it was applied, got another text: what was applied is changed by a further migration`,
    );
  const done: MigrationStatus[] = [];
  for (const { app, name } of before.filter(({ state }) => state === 'pending')) {
    const migration = sets.find((set) => set.app === app)?.migrations.find((it) => it.name === name);
    if (migration === undefined || !(await apply(session, app, migration))) continue;
    const status: MigrationStatus = { app, name, state: 'applied', appliedAt: new Date(await nowOf(session)) };
    done.push(status);
    applied(status);
  }
  return done;
}

/** In the order in which they are applied; those of other versions last. */
export async function migrationStatus(session: Session, sets: readonly MigrationSet[]): Promise<MigrationStatus[]> {
  const { rows } = await session.query(`select to_regclass('signalbox.migrations') is not null as there`, []);
  const known = rows[0]?.['there'] === true ? await applications(session) : [];
  const mine = sets.flatMap(({ app, migrations }) =>
    migrations.map((migration): MigrationStatus => {
      const found = known.find((it) => it.app === app && it.name === migration.name);
      if (found === undefined) return { app, name: migration.name, state: 'pending', appliedAt: null };
      const state = found.checksum === checksumOf(migration) ? 'applied' : 'changed';
      return { app, name: migration.name, state, appliedAt: found.appliedAt };
    }),
  );
  const others = known
    .filter(
      ({ app, name }) => sets.some((set) => set.app === app) && !mine.some((it) => it.app === app && it.name === name),
    )
    .map(({ app, name, appliedAt }): MigrationStatus => ({ app, name, state: 'unknown', appliedAt }));
  return [...mine, ...others];
}

interface Applied {
  readonly app: string;
  readonly name: string;
  readonly checksum: string;
  readonly appliedAt: Date;
}

async function applications(session: Session): Promise<readonly Applied[]> {
  const { rows } = await session.query(
    `select app, name, checksum, applied_at as "appliedAt" from signalbox.migrations order by app, name`,
    [],
  );
  return rows as unknown as readonly Applied[];
}

/** @returns whether it was applied now, and not by another node meanwhile */
async function apply(session: Session, app: string, migration: Migration): Promise<boolean> {
  const { name, sql } = migration;
  return locked(session, async () => {
    const { count } = await session.query(`select 1 from signalbox.migrations where app = $1 and name = $2`, [
      app,
      name,
    ]);
    if (count > 0) return false;
    const schema = schemaOf(app);
    await session.script(`create schema if not exists "${schema}"; set local search_path to "${schema}", public`);
    await session.script(sql).catch((error: unknown) => {
      if (!(error instanceof DatabaseError)) throw error;
      throw new DatabaseError(error.problem, `migration ${app}/${name}: ${error.message}`, error);
    });
    await session.query(`insert into signalbox.migrations (app, name, checksum) values ($1, $2, $3)`, [
      app,
      name,
      checksumOf(migration),
    ]);
    return true;
  });
}

async function locked<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.begin();
  try {
    // Others may take long, and so may a migration.
    await session.script(`set local statement_timeout = 0; ${LOCK}`);
    const result = await work();
    await session.commit();
    return result;
  } catch (error) {
    await session.rollback().catch(() => {});
    throw error;
  }
}

async function nowOf(session: Session): Promise<number> {
  const { rows } = await session.query('select now() as now', []);
  return Number(rows[0]?.['now']);
}
