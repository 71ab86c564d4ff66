/** What other applications ask about uploads, and the removal of those that nothing names, on both databases. */
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pgliteFolder } from '../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../database/database.ts';
import type { DatabaseDriver } from '../../database/driver.ts';
import { readMigrations } from '../../database/migration.ts';
import { openPGlite } from '../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../database/postgresql-driver.ts';
import { openDatabase, openDatabaseOf, type Items, type TestDatabase } from '../../database/test-rig.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { Cleaning } from './cleaning.ts';
import { DiskStorage } from './disk-storage.ts';
import type { Settings } from './settings.ts';
import { addUpload, claimDigest, keepAvatar, markArrived, takeOrphans } from './store.ts';
import type { Purpose, Tables } from './tables.ts';
import { claimUploads, unclaimUploads, keepUploads, ownUploads, releaseUploads } from './uploads.ts';

const { migrations } = readMigrations('media', new URL('./migrations/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'signalbox-uploads-'));
const opened: TestDatabase[] = [];
afterAll(async () => {
  for (const { link } of opened) await link.stop();
  rmSync(folder, { recursive: true });
});

const ADA = { tenant: '', user: 'ada', conversation: 'c1' };

interface Databases {
  readonly media: ApplicationDatabase;
  /** Of another application, in the same database. */
  readonly other: ApplicationDatabase;
}

/** Where uploads were never there, nobody has any. */
async function expectNone(database: ApplicationDatabase): Promise<void> {
  expect(await ownUploads(database, ADA, ['x'])).toBeNull();
}

async function keep(test: Promise<TestDatabase>): Promise<ApplicationDatabase> {
  const it = await test;
  opened.push(it);
  return it.database;
}

const limits = { max: 5, idleMs: 30_000, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };

const DATABASES: readonly (readonly [string, () => Promise<Databases>])[] = [
  [
    'PGlite',
    async () => {
      const driver = await openPGlite({ folder: await pgliteFolder(), waitMs: 5_000, maxWaiting: 1_000 }, scheduler);
      const other = await keep(openDatabase(driver));
      await expectNone(other);
      return { other, media: await keep(openDatabaseOf('media', driver, migrations)) };
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const server = await startPostgresql();
      const address = parsePostgresqlUrl(server.url());
      const driverOf = (): DatabaseDriver => new PostgresqlDriver({ address, applicationName: 'test', ...limits });
      const other = await keep(openDatabase(driverOf()));
      await expectNone(other);
      return { other, media: await keep(openDatabaseOf('media', driverOf(), migrations)) };
    },
  ],
];

let made = 0;

describe.each(DATABASES)('on %s', (name, open) => {
  describe.skipIf(name === 'PostgreSQL' && POSTGRESQL === null)('uploads', () => {
    let media: ApplicationDatabase;
    let other: ApplicationDatabase;
    beforeAll(async () => {
      ({ media, other } = await open());
    });

    /** @returns its id */
    async function upload(
      given: { tenant?: string; owner?: string; conversation?: string | null; purpose?: Purpose } = {},
      bytes: number | null = 10,
    ): Promise<string> {
      made += 1;
      const id = `${name}-${String(made).padStart(10, '0')}`;
      const facts = { id, key: `files/${id}`, url: `/apps/media/files/${id}`, name: 'a.png', type: 'image/png' };
      const whose = { tenant: '', owner: 'ada', conversation: 'c1', purpose: 'image' as const, ...given };
      await addUpload(media, { ...facts, ...whose, max_bytes: 100 });
      if (bytes !== null) await markArrived(media, id, { bytes, digest: null });
      return id;
    }

    const age = (id: string, hours: number): Promise<unknown> =>
      media
        .tables<Tables>()
        .updateTable('uploads')
        .set({ loose_since: media.sql<Date>`now() - make_interval(hours => ${hours}::int)` })
        .where('id', '=', id)
        .execute();

    test('A-32: own uploads are found by id and by URL, in the order in which they are named', async () => {
      const [one, two] = [await upload(), await upload({ conversation: null })];
      const found = await ownUploads(other, ADA, [`/apps/media/files/${two}`, one, one]);
      expect(found?.map(({ id, type, bytes }) => [id, type, bytes])).toEqual([
        [two, 'image/png', 10],
        [one, 'image/png', 10],
        [one, 'image/png', 10],
      ]);
      expect(await ownUploads(other, ADA, [])).toEqual([]);
    });

    test('A-32: what is somebody else’s, of another conversation or tenant, not whole, or elsewhere, is none', async () => {
      const own = await upload();
      const foreign = [
        await upload({ owner: 'bob' }),
        await upload({ conversation: 'c2' }),
        await upload({ tenant: 'other' }),
        await upload({}, null),
        'nothing',
        `https://evil.example/apps/media/files/${own}`,
        `/apps/media/files/${own}?x`,
      ];
      for (const named of foreign) expect([named, await ownUploads(other, ADA, [own, named])]).toEqual([named, null]);
      expect(
        await ownUploads(
          other,
          ADA,
          Array.from({ length: 101 }, () => own),
        ),
      ).toBeNull();
    });

    test('they are kept as a part of what names them, or not at all', async () => {
      const [loose, foreign] = [await upload({ conversation: null }), await upload({ owner: 'bob' })];
      const store = (ids: readonly string[], key: number): Promise<boolean> =>
        other.transaction<{ items: Items }, boolean>(async (tables) => {
          await tables
            .insertInto('items')
            .values({ id: key, owner: 'ada', body: String(key) })
            .execute();
          if (!(await keepUploads(tables, ADA, ids))) throw new Error('not all are own');
          return true;
        });
      await expect(store([loose, foreign], 1)).rejects.toThrow('not all are own');
      expect(await ownUploads(other, { ...ADA, conversation: 'c2' }, [loose])).toHaveLength(1);
      expect(await store([loose, loose], 2)).toBe(true);
      expect(await ownUploads(other, { ...ADA, conversation: 'c2' }, [loose])).toBeNull();
      expect(await ownUploads(other, ADA, [loose])).toMatchObject([{ conversation: 'c1' }]);
    });

    test('a message claims them: they are its own from then on, as it names them', async () => {
      const id = await upload({ conversation: null });
      expect(await claimUploads(other, ADA, [id], 'm1')).toEqual([
        { url: `/apps/media/files/${id}`, name: 'a.png', size: 10, mime: 'image/png' },
      ]);
      expect(await claimUploads(other, { ...ADA, conversation: 'c2' }, [id], 'm2')).toBeNull();
      expect(await claimUploads(other, ADA, [], 'm3')).toEqual([]);
    });

    test('D-24: a message that is not stored lets go of them, unless another one has named them meanwhile', async () => {
      const [alone, both, kept] = [await upload(), await upload(), await upload()];
      await keepUploads(other.tables(), ADA, [kept]);
      expect(await claimUploads(other, ADA, [alone, `/apps/media/files/${both}`, kept], 'lost')).toHaveLength(3);
      expect(await claimUploads(other, ADA, [both], 'stored')).toHaveLength(1);
      await unclaimUploads(other, ADA, [alone, `/apps/media/files/${both}`, kept], 'lost');
      const { rows } = await media.sql<{ id: string; is_loose: boolean }>`
        select id, loose_since is not null as is_loose from media.uploads where id in (${alone}, ${both}, ${kept})`.execute(
        media.tables(),
      );
      expect(new Map(rows.map((row) => [row.id, row.is_loose]))).toEqual(
        new Map([
          [alone, true],
          [both, false],
          [kept, false],
        ]),
      );
    });

    test('the bytes that come first are those that it has', async () => {
      const id = await upload({}, null);
      const claims = await Promise.all(['a', 'b', 'a', 'b'].map((digest) => claimDigest(media, id, digest)));
      expect(claims.filter(Boolean)).toHaveLength(2);
    });

    test('what nothing names is removed after its time, with its bytes; what is kept, or let go of just now, stays', async () => {
      const storage = await DiskStorage.open(join(folder, name));
      const [old, young, kept, released, pending] = [
        await upload(),
        await upload(),
        await upload(),
        await upload(),
        await upload({}, null),
      ];
      for (const id of [old, young, kept, released]) {
        const file = join(storage.spoolFolder, id);
        writeFileSync(file, 'x');
        await storage.store(`default/files/${id}`, file);
      }
      await keepUploads(other.tables(), ADA, [kept, released]);
      await releaseUploads(other.tables(), '', [released]);
      for (const id of [old, pending]) await age(id, 25);
      const left = join(storage.spoolFolder, 'left-by-a-process');
      writeFileSync(left, 'x');
      utimesSync(left, 0, 0);
      const settings = { orphan_hours: 24, clean_secs: 86_400 } as Settings;
      let removed = 0;
      const background = async (_: string, work: () => Promise<unknown>): Promise<void> => void (await work());
      const ports = { database: media, storage, settings, host: { scheduler, clock, background } };
      const cleaning = new Cleaning(ports, { add: (count = 1) => (removed += count) });
      await cleaning.run();
      await cleaning.stop();
      expect(removed).toBe(2);
      const there = async (id: string): Promise<boolean> => (await storage.find(`default/files/${id}`)) !== null;
      expect(await Promise.all([old, young, kept, released].map(there))).toEqual([false, true, true, true]);
      expect(await ownUploads(other, ADA, [old])).toBeNull();
      expect(readdirSync(storage.spoolFolder)).toEqual([]);
      await age(released, 25);
      expect((await takeOrphans(media, 24, 10)).map(({ id }) => id)).toEqual([released]);
      // Taken is as good as gone: a message that comes now cannot name it.
      expect(await keepUploads(other.tables(), ADA, [released])).toBe(false);
    });

    test('the newest avatar of a user is kept, and the one before it is let go of', async () => {
      const [first, second, others] = [
        await upload({ purpose: 'avatar', owner: 'zoe' }, null),
        await upload({ purpose: 'avatar', owner: 'zoe' }, null),
        await upload({ purpose: 'avatar', owner: 'yan' }, null),
      ];
      for (const [id, owner] of [
        [others, 'yan'],
        [first, 'zoe'],
        [second, 'zoe'],
      ] as const)
        await keepAvatar(media, { id, tenant: '', owner }, { bytes: 1, digest: null });
      const rows = await media
        .tables<Tables>()
        .selectFrom('uploads')
        .select(['id', 'loose_since'])
        .where('purpose', '=', 'avatar')
        .where('loose_since', 'is', null)
        .execute();
      expect(rows.map(({ id }) => id).sort()).toEqual([second, others].sort());
    });
  });
});
