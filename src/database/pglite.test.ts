/** The contract on the embedded database, and what only that has: a folder, which belongs to one process. */
import { expect, test } from 'vitest';
import { pgliteFolder } from '../../test/harness/pglite-folder.ts';
import { systemScheduler as scheduler } from '../telemetry/system-clock.ts';
import { databaseContract } from './contract-suite.ts';
import { openPGlite } from './pglite-driver.ts';
import { ITEMS, openDatabaseOf, type Items } from './test-rig.ts';

const LIMITS = { waitMs: 200, maxWaiting: 10 };

databaseContract('PGlite', async () => {
  const driver = await openPGlite({ folder: await pgliteFolder(), ...LIMITS }, scheduler);
  return { driver, sessions: 1, waitMs: LIMITS.waitMs, dispose: () => driver.stop() };
});

test('a folder keeps what was stored, and belongs to one of two who want it', async () => {
  const options = { folder: await pgliteFolder(), ...LIMITS };
  const driver = await openPGlite(options, scheduler);
  const { database, link } = await openDatabaseOf('kept', driver, [ITEMS]);
  await database.tables<{ items: Items }>().insertInto('items').values({ id: 1, owner: 'ada', body: 'kept' }).execute();
  await expect(openPGlite(options, scheduler)).rejects.toThrow(
    `expected a directory of this process alone, but process ${process.pid} uses it (${options.folder}/signalbox.lock): give each node a database.folder of its own, or all of them one database.url`,
  );
  await link.stop();
  const again = await openPGlite(options, scheduler);
  const kept = await openDatabaseOf('kept', again, [ITEMS]);
  expect(await kept.database.tables<{ items: Items }>().selectFrom('items').select('body').execute()).toEqual([
    { body: 'kept' },
  ]);
  await kept.link.stop();
});
