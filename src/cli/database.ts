/** `signalbox database migrate|status|check`: the tables of the applications that the configuration names. */
import type { LoadedApp } from '../apps/loaded.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/schema.ts';
import type { Session } from '../database/driver.ts';
import { unfitness } from '../database/fitness.ts';
import { migrate, migrationStatus, type MigrationStatus } from '../database/migrate.ts';
import type { MigrationSet } from '../database/migration.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { isOnlySecretMissing, loadFromArguments, loadWithoutSecret } from './config-options.ts';
import { databaseProblems, migrationSets } from './database-problems.ts';
import { openDriver } from './node/database.ts';

type Work = (session: Session, sets: readonly MigrationSet[]) => Promise<ExitCode>;

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
  usage: 'migrate | status | check',
  positionals: 1,
  options: CONFIG_OPTIONS,
  notes: [
    '  migrate    applies what is missing; several at the same time do no harm',
    '  status     lists every migration: applied, pending, changed since, or unknown to this version',
    '  check      connects, and exits 1 when one is pending or changed',
  ],
  async run(args): Promise<ExitCode> {
    const [wanted = ''] = args.positionals;
    const work = Object.hasOwn(WORKS, wanted) ? WORKS[wanted] : undefined;
    if (work === undefined)
      throw new UsageError(
        `expected migrate, status or check, got ${wanted === '' ? 'nothing' : JSON.stringify(wanted)}`,
      );
    const { config, apps } = await load(args);
    const sets = setsOf(config, apps);
    if (sets.length > 0) return await within(config, (session) => work(session, sets));
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

function setsOf(config: Config, apps: readonly LoadedApp[]): readonly MigrationSet[] {
  const problems = databaseProblems(config, apps);
  if (problems.length > 0) throw new ConfigError(problems);
  return migrationSets(apps, []);
}

/** Examined as a node would: a server that is too old or a replica is told before anything is done in it. */
async function within(config: Config, work: (session: Session) => Promise<ExitCode>): Promise<ExitCode> {
  const driver = await openDriver(config, 'signalbox-database');
  try {
    const session = await driver.acquire();
    try {
      const unfit = await unfitness(session);
      if (unfit !== null) throw new Error(unfit);
      return await work(session);
    } finally {
      session.release();
    }
  } finally {
    await driver.stop();
  }
}

function lineOf({ app, name, state, appliedAt }: MigrationStatus): string {
  return `${state.padEnd(8)} ${app}/${name}${appliedAt === null ? '' : ` (${appliedAt.toISOString()})`}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
