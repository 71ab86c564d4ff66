/** `signalbox database migrate|status|check`: the tables of the applications that the configuration names. */
import type { LoadedApp } from '../apps/loaded.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/schema.ts';
import type { Session } from '../database/driver.ts';
import { migrate, migrationStatus, type MigrationStatus } from '../database/migrate.ts';
import type { MigrationSet } from '../database/migration.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { isOnlySecretMissing, loadFromArguments, loadWithoutSecret } from './config-options.ts';
import { databaseProblems, migrationSets } from './database-problems.ts';
import { inDatabase } from './database-session.ts';

type Work = (session: Session, sets: readonly MigrationSet[]) => Promise<ExitCode>;

const KEEP = { usual: 30, most: 10_000 };

const WORKS: Readonly<Record<string, Work>> = {
  migrate: async (session, sets) => {
    const done = await migrate(session, sets, ({ app, name }) => print(`applied ${app}/${name}`));
    if (done.length === 0) print('nothing to do: every migration is applied');
    return 0;
  },
  status: async (session, sets) => {
    for (const status of await migrationStatus(session, sets)) print(lineOf(status));
    return 0;
  },
  check: async (session, sets) => {
    const wrong = (await migrationStatus(session, sets)).filter(
      ({ state }) => state === 'pending' || state === 'changed',
    );
    for (const status of wrong) print(lineOf(status));
    print(
      wrong.length === 0
        ? 'the database is good: every migration is applied'
        : `the database is not ready: ${wrong.length} of its migrations are not as here`,
    );
    return wrong.length === 0 ? 0 : 1;
  },
};

export const database: Command = {
  name: 'database',
  summary: 'Makes the tables of applications, and says which changes of them are missing.',
  usage: 'migrate | status | check | backup FOLDER | restore FILE',
  positionals: 2,
  options: {
    ...CONFIG_OPTIONS,
    keep: { type: 'string', value: 'N', help: `backups that stay in the folder, the newest (${KEEP.usual})` },
  },
  notes: [
    '  migrate    applies what is missing; several at the same time do no harm',
    '  status     lists every migration: applied, pending, changed since, or unknown to this version',
    '  check      connects, and exits 1 when one is pending or changed',
    '  backup     writes an archive of one moment, tests it, and takes away the oldest; nodes may go on (not with database.folder)',
    '  restore    tests the archive, keeps what is there beside it, and puts back all of it or nothing; no node may run',
  ],
  async run(args): Promise<ExitCode> {
    const [wanted = '', place] = args.positionals;
    if (wanted === 'backup' || wanted === 'restore') return archived(wanted, place, args);
    const work = Object.hasOwn(WORKS, wanted) ? WORKS[wanted] : undefined;
    if (work === undefined)
      throw new UsageError(
        `expected migrate, status, check, backup or restore, got ${wanted === '' ? 'nothing' : JSON.stringify(wanted)}`,
      );
    if (place !== undefined) throw new UsageError(`expected nothing after ${wanted}, got ${place}`);
    const { config, apps } = await load(args);
    const sets = setsOf(config, apps);
    if (sets.length > 0) return await inDatabase(config, (session) => work(session, sets));
    print('no application of this configuration keeps anything in a database');
    return 0;
  },
};

/** It verifies no token: it runs where the secret is not. */
async function load(args: Arguments): Promise<{ readonly config: Config; readonly apps: readonly LoadedApp[] }> {
  const [{ loadApps }, { BUILT_IN }] = await Promise.all([import('../apps/load.ts'), import('./built-in-apps.ts')]);
  try {
    return await loadApps(loadFromArguments(args), BUILT_IN);
  } catch (error) {
    if (!isOnlySecretMissing(error)) throw error;
    return await loadApps(loadWithoutSecret(args), BUILT_IN);
  }
}

async function archived(action: 'backup' | 'restore', place: string | undefined, args: Arguments): Promise<ExitCode> {
  if (place === undefined)
    throw new UsageError(
      action === 'backup' ? 'expected backup FOLDER' : 'expected restore FILE, an archive of a backup',
    );
  const keep = Number(args.text('keep') ?? KEEP.usual);
  if (!Number.isInteger(keep) || keep < 1 || keep > KEEP.most)
    throw new UsageError(`expected --keep from 1 to ${KEEP.most}, got ${args.text('keep') ?? ''}`);
  const { config, apps } = await load(args);
  setsOf(config, apps);
  const { backUp, restore } = await import('./backup/verbs.ts');
  return action === 'backup' ? backUp(config, { folder: place, keep }) : restore(config, apps, place);
}

function setsOf(config: Config, apps: readonly LoadedApp[]): readonly MigrationSet[] {
  const problems = databaseProblems(config, apps);
  if (problems.length > 0) throw new ConfigError(problems);
  return migrationSets(apps, []);
}

function lineOf({ app, name, state, appliedAt }: MigrationStatus): string {
  return `${state.padEnd(8)} ${app}/${name}${appliedAt === null ? '' : ` (${appliedAt.toISOString()})`}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
