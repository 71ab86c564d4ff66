/** The database of the applications, as the nodes see it. */
import type { Check } from '../../check.ts';
import { eachNode, mebibytes, percent } from '../../each-node.ts';
import type { DatabaseFacts, NodeFacts } from '../../facts.ts';
import { fail, warn, type Observation } from '../../finding.ts';
import type { Patient } from '../../patient.ts';

type Look = NonNullable<DatabaseFacts['look']>;

const SLOW_MS = 200;
const NEARLY_FULL = 90;

const TROUBLES: Readonly<Record<string, readonly [says: string, cure: string]>> = {
  away: ['it does not answer', 'start PostgreSQL, or correct database.url; ./signalbox database check says more'],
  starting: ['it has not answered yet', 'wait a moment; ./signalbox database check says more'],
  unfit: ['it is not PostgreSQL 15 or later in UTF8', './signalbox database check says what it is'],
  unmigrated: ['tables of applications are missing', './signalbox database migrate'],
  unmigratable: ['its tables cannot be made', './signalbox database migrate says why: rights, or a changed migration'],
};

const databaseReachable: Check = {
  name: 'database.reachable',
  looksAt: 'Whether the database answers, how fast, and has the tables of the applications.',
  needs: ['database'],
  run: (patient) =>
    eachDatabase(
      patient,
      ({ trouble, look, driver }): readonly Observation[] => {
        if (trouble !== null) {
          const [says, cure] = TROUBLES[trouble] ?? [trouble, './signalbox database check'];
          return [fail(`the database (${driver}) is ${trouble}: ${says}`, cure)];
        }
        if (look === null)
          return [
            fail(
              `the database (${driver}) does not answer, whether or not anybody has asked it lately`,
              'start PostgreSQL, or look at its load and its locks; ./signalbox database check says more',
            ),
          ];
        const says = `a trivial statement takes ${look.latency_ms} ms`;
        return look.latency_ms >= SLOW_MS ? [warn(says, 'look at its CPU, its disk, and the network between')] : [];
      },
      (looks) =>
        `${looks[0]?.driver ?? ''} answers within ${Math.max(...looks.map(({ look }) => look?.latency_ms ?? 0))} ms`,
    ),
};

const databasePool: Check = {
  name: 'database.pool',
  looksAt: 'Connections of the pool: whether anybody waits, whether they break, whether the server has room for more.',
  needs: ['database'],
  run: (patient) =>
    eachDatabase(
      patient,
      ({ pool, failures, look }): readonly Observation[] => {
        const found: Observation[] = [];
        const raise = 'raise database.pool_max, or look for long statements (database.long)';
        if (pool.waiting > 0)
          found.push(warn(`${pool.waiting} statements wait for one of ${pool.busy + pool.idle} connections`, raise));
        const { exhausted = 0 } = failures;
        if (exhausted > 0) found.push(warn(`${exhausted} times no connection became free, since the start`, raise));
        if (look !== null && percent(look.connections, look.max_connections) >= NEARLY_FULL)
          found.push(
            warn(
              `${look.connections} of ${look.max_connections} connections of the server are in use`,
              'raise max_connections of PostgreSQL, or lower database.pool_max',
            ),
          );
        return found;
      },
      (looks) => `${looks.reduce((sum, { pool }) => sum + pool.busy + pool.idle, 0)} connections, nobody waits`,
    ),
};

const databaseMigrations: Check = {
  name: 'database.migrations',
  looksAt: 'Migrations that are pending or were changed, and indexes that they make and that are missing.',
  needs: ['database'],
  run: (patient) =>
    eachLook(
      patient,
      ({ migrations, missing_indexes: indexes }): readonly Observation[] => [
        ...migrations.pending.map((name) => fail(`${name} is pending`, './signalbox database migrate')),
        ...migrations.changed.map((name) =>
          fail(
            `${name} was applied with another text`,
            'take back the change of that file: a further migration changes tables',
          ),
        ),
        ...indexes.map((name) =>
          warn(
            `the index ${name} is missing or not whole: statements read whole tables`,
            'make it again as its migration does',
          ),
        ),
      ],
      () => 'every migration is applied, with its indexes',
    ),
};

const databaseLong: Check = {
  name: 'database.long',
  looksAt: 'Statements and transactions that last longer than ten seconds, and who waits for whose lock.',
  needs: ['database'],
  run: (patient) =>
    eachLook(
      patient,
      ({ long }): readonly Observation[] =>
        long.map(({ pid, who, state, secs, verb, blocked_by: blockers }) => {
          const says = `process ${pid} (${who || 'without a name'}, ${state}, ${verb || 'nothing'}) lasts ${secs} s`;
          if (blockers.length === 0) return warn(says, `select pg_terminate_backend(${pid}), if nobody needs it`);
          return fail(
            `${says} and waits for a lock of process ${blockers.join(', ')}`,
            `select pg_terminate_backend(${blockers[0] ?? ''}), if nobody needs it`,
          );
        }),
      () => 'nothing lasts long, nobody waits for a lock',
    ),
};

const databaseSpace: Check = {
  name: 'database.space',
  looksAt: 'The size of the database.',
  needs: ['database'],
  run: (patient) =>
    eachLook(
      patient,
      () => [],
      ({ bytes, version }) => `${mebibytes(bytes)} in PostgreSQL ${version}; what is free is a matter of its machine`,
    ),
};

export const DATABASE_CHECKS: readonly Check[] = [
  databaseReachable,
  databasePool,
  databaseMigrations,
  databaseLong,
  databaseSpace,
];

function eachDatabase(
  patient: Patient,
  judge: (database: DatabaseFacts) => readonly Observation[],
  good: (databases: readonly DatabaseFacts[]) => string,
): Promise<readonly Observation[]> {
  const of = ({ database }: NodeFacts): DatabaseFacts[] => (database ? [database] : []);
  return eachNode(
    patient,
    (node) => of(node).flatMap(judge),
    (nodes) => {
      const all = nodes.flatMap(of);
      return all.length === 0 ? null : good(all);
    },
  );
}

/** Of what all see alike, one is enough. */
async function eachLook(
  patient: Patient,
  judge: (look: Look) => readonly Observation[],
  good: (look: Look) => string,
): Promise<readonly Observation[]> {
  const of = ({ database }: NodeFacts): Look[] => (database?.look ? [database.look] : []);
  const found = await eachNode(
    patient,
    (node) => of(node).flatMap(judge),
    (nodes) => nodes.flatMap(of).map(good)[0] ?? null,
  );
  const seen = new Set<string>();
  return found.filter(({ says }) => {
    const what = says.slice(says.indexOf(': ') + 2);
    return !seen.has(what) && seen.add(what) !== null;
  });
}
