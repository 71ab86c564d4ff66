/** The contract that every database has to pass: the same statements do the same, and fail in the same words. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownTimer } from '../../test/harness/own-time.ts';
import type { DatabaseError } from './database-error.ts';
import type { DatabaseDriver } from './driver.ts';
import { migrate, migrationStatus } from './migrate.ts';
import { ITEMS, openDatabase, openDatabaseOf, problemOf, type Items } from './test-rig.ts';

export interface UnderContract {
  readonly driver: DatabaseDriver;
  /** Sessions at the same time. */
  readonly sessions: number;
  /** Milliseconds that a caller waits for one. */
  readonly waitMs: number;
  readonly dispose: () => Promise<void>;
}

export function databaseContract(name: string, make: () => Promise<UnderContract>): void {
  describe(`the contract of databases: ${name}`, () => {
    let under: UnderContract;
    beforeAll(async () => {
      under = await make();
    }, 60_000);
    afterAll(() => under.dispose());

    test('values come out as they went in, whatever the library makes of them', async () => {
      const session = await under.driver.acquire();
      const { rows } = await session.query(
        `select $1::int8 as whole, $2::text as text, $3::timestamptz as time, $4::jsonb as json, $5::bytea as bytes,
                $6::text[] as list, $7::int8[] as numbers, $8::boolean as flag, $9::text as nothing, 1.50::numeric as exact,
                '2026-01-02'::date as day, count(*) as count from (values (1), (2)) as two`,
        [
          9_007_199_254_740_991,
          'it\'s "ü" \\ {x}',
          new Date(1_234),
          JSON.stringify({ a: [1] }),
          new Uint8Array([0, 255]),
          ['a,b', '"c\\', 'NULL', null, ''],
          [1, 2],
          true,
          undefined,
        ],
      );
      session.release();
      expect(rows.map((row) => ({ ...row, bytes: [...(row['bytes'] as Uint8Array)] }))).toEqual([
        {
          whole: 9_007_199_254_740_991,
          text: 'it\'s "ü" \\ {x}',
          time: new Date(1_234),
          json: { a: [1] },
          bytes: [0, 255],
          list: ['a,b', '"c\\', 'NULL', null, ''],
          numbers: [1, 2],
          flag: true,
          nothing: null,
          exact: '1.50',
          day: '2026-01-02',
          count: 2,
        },
      ]);
    });

    test('an object is no value, and a number that JavaScript has not is an error: neither becomes another value', async () => {
      const session = await under.driver.acquire();
      expect(await problemOf(session.query('select $1::jsonb', [{ a: 1 }]))).toBe('refused');
      await expect(session.query('select 9007199254740993::int8', [])).rejects.toThrow('2^53');
      expect((await session.query('select 1 as one', [])).rows).toEqual([{ one: 1 }]);
      session.release();
    });

    test('typed queries are run on the tables of the application', async () => {
      const { database } = await openDatabase(under.driver);
      const tables = database.tables<{ items: Items }>();
      const rows = [1, 2, 3].map((id) => ({ id, owner: 'ada', body: `body ${id}` }));
      expect(await tables.insertInto('items').values(rows).returning('id').execute()).toEqual([
        { id: 1 },
        { id: 2 },
        { id: 3 },
      ]);
      const again = await tables
        .insertInto('items')
        .values(rows)
        .onConflict((of) => of.doNothing())
        .executeTakeFirst();
      expect(again.numInsertedOrUpdatedRows).toBe(0n);
      const page = tables.selectFrom('items').select(['id', 'body']).where('id', '<', 3).orderBy('id', 'desc').limit(1);
      expect(await page.execute()).toEqual([{ id: 2, body: 'body 2' }]);
      const changed = await tables.updateTable('items').set({ owner: 'bob' }).where('id', '>', 1).executeTakeFirst();
      expect(changed.numUpdatedRows).toBe(2n);
    });

    test('a transaction is all or nothing, and the connection is of use afterwards', async () => {
      const { database } = await openDatabase(under.driver);
      const add = (id: number, fails: boolean): Promise<number> =>
        database.transaction<{ items: Items }, number>(async (tables) => {
          await tables
            .insertInto('items')
            .values({ id, owner: 'ada', body: String(id) })
            .execute();
          if (fails) throw new Error('no');
          return id;
        });
      expect(await add(1, false)).toBe(1);
      await expect(add(2, true)).rejects.toThrow('no');
      expect(await database.tables<{ items: Items }>().selectFrom('items').select('id').execute()).toEqual([{ id: 1 }]);
    });

    test('a transaction whose failed statement was overlooked is no commit', async () => {
      const { database } = await openDatabase(under.driver);
      const work = database.transaction<{ items: Items }, void>(async (tables) => {
        const row = { id: 1, owner: 'ada', body: 'one' };
        await tables.insertInto('items').values(row).execute();
        await tables
          .insertInto('items')
          .values(row)
          .execute()
          .catch(() => {});
      });
      expect(await problemOf(work)).toBe('refused');
      expect(await database.tables<{ items: Items }>().selectFrom('items').select('id').execute()).toEqual([]);
    });

    test('what may not be is named by its constraint, and no value of a row is in the message', async () => {
      const { database } = await openDatabase(under.driver);
      const insert = (body: string): Promise<unknown> =>
        database.tables<{ items: Items }>().insertInto('items').values({ id: 1, owner: 'secret-ada', body }).execute();
      await insert('one');
      const twice: unknown = await insert('one').catch((error: unknown) => error);
      expect(database.isProblem(twice)).toBe(true);
      const { problem, sqlState, constraint, isTemporary, message } = twice as DatabaseError;
      expect({ problem, sqlState, constraint, isTemporary }).toEqual({
        problem: 'constraint',
        sqlState: '23505',
        constraint: 'items_pkey',
        isTemporary: false,
      });
      expect(message).not.toContain('secret-ada');
      const { sql } = database;
      const wrong: unknown = await sql`select ${'secret-ada'}::int`
        .execute(database.tables())
        .catch((error: unknown) => error);
      expect((wrong as DatabaseError).problem).toBe('refused');
      expect((wrong as DatabaseError).message).not.toContain('secret-ada');
    });

    test('migrations are applied once, each application in a schema of its own', async () => {
      const first = await openDatabase(under.driver);
      const second = await openDatabase(under.driver);
      await second.database
        .tables<{ items: Items }>()
        .insertInto('items')
        .values({ id: 7, owner: 'a', body: 'b' })
        .execute();
      expect(await first.database.tables<{ items: Items }>().selectFrom('items').select('id').execute()).toEqual([]);
      const session = await under.driver.acquire();
      const sets = [first.set, second.set];
      expect(await migrate(session, sets)).toEqual([]);
      const status = await migrationStatus(session, sets);
      session.release();
      expect(status.map(({ app, name, state }) => [app, name, state])).toEqual([
        [first.app, '0001-items', 'applied'],
        [second.app, '0001-items', 'applied'],
      ]);
      expect(status[0]?.appliedAt).toBeInstanceOf(Date);
    });

    test('a migration that fails leaves nothing of itself, and one that was changed is refused', async () => {
      const { app } = await openDatabase(under.driver);
      const session = await under.driver.acquire();
      const broken = { name: '0002-broken', sql: 'create table half (id int); create table items (id int)' };
      const failed = migrate(session, [{ app, migrations: [ITEMS, broken] }]);
      await expect(failed).rejects.toThrow(`migration ${app}/0002-broken: relation "items" already exists (42P07)`);
      const good = { name: '0002-broken', sql: 'create table half (id int)' };
      const done = await migrate(session, [{ app, migrations: [ITEMS, good] }]);
      expect(done.map(({ name }) => name)).toEqual(['0002-broken']);
      const changed = { ...ITEMS, sql: `${ITEMS.sql} ` };
      expect((await migrationStatus(session, [{ app, migrations: [changed] }])).map(({ state }) => state)).toEqual([
        'changed',
        'unknown',
      ]);
      await expect(migrate(session, [{ app, migrations: [changed, good] }])).rejects.toThrow('got another text');
      session.release();
    });

    test('A-24: when all connections are held, others are refused in time with a temporary problem, and come again afterwards', async () => {
      const { database, link } = await openDatabase(under.driver);
      const held = await Promise.all(Array.from({ length: under.sessions }, () => under.driver.acquire()));
      const elapsed = ownTimer();
      const refused: unknown = await database.sql`select 1`.execute(database.tables()).catch((error: unknown) => error);
      expect(elapsed()).toBeLessThan(under.waitMs + 1_000);
      expect(refused).toMatchObject({ problem: 'exhausted', isTemporary: true });
      expect(link.usage().failures.get('exhausted')).toBe(1);
      expect(link.trouble).toBe(null);
      for (const session of held) session.release();
      expect((await database.sql`select 1 as one`.execute(database.tables())).rows).toEqual([{ one: 1 }]);
    });

    test('what comes in one turn is one transaction, and an item that may not be stored fails alone', async () => {
      const { database, link } = await openDatabase(under.driver);
      const { sql } = database;
      const tables = database.tables<{ items: Items }>();
      let statements = 0;
      const group = database.groupCommit<Items, number>({
        write: async (items) => {
          statements += 1;
          const rows = await tables
            .insertInto('items')
            .columns(['id', 'owner', 'body'])
            .expression(
              sql`select * from unnest(${items.map(({ id }) => id)}::int8[], ${items.map(({ owner }) => owner)}::text[], ${items.map(({ body }) => body)}::text[])` as never,
            )
            .returning(sql<string>`pg_current_xact_id()::text`.as('xact'))
            .execute();
          return rows.map(({ xact }) => Number(xact));
        },
      });
      const item = (id: number, body = `item ${id}`): Items => ({ id, owner: 'ada', body });
      const xacts = await Promise.all(Array.from({ length: 100 }, (_, at) => group.put(item(at))));
      expect(new Set(xacts).size).toBe(1);
      expect(statements).toBe(1);
      const outcomes = await Promise.all(
        [item(200), item(201, 'much longer than it may be'), item(202)].map((it) => problemOf(group.put(it))),
      );
      expect(outcomes).toEqual(['none', 'constraint', 'none']);
      await group.settled();
      expect(link.usage()).toMatchObject({ batches: 3, batched: 102 });
      const stored = await tables
        .selectFrom('items')
        .select((it) => it.fn.countAll<number>().as('count'))
        .execute();
      expect(stored).toEqual([{ count: 102 }]);
    });

    test('an application finds its rows again under a new link, and is told that the database is ready', async () => {
      const { app, database } = await openDatabase(under.driver);
      await database
        .tables<{ items: Items }>()
        .insertInto('items')
        .values({ id: 1, owner: 'ada', body: 'kept' })
        .execute();
      const again = await openDatabaseOf(app, under.driver, [ITEMS]);
      let told = 0;
      again.database.onReady(() => (told += 1));
      expect(told).toBe(1);
      expect(again.database.isReady).toBe(true);
      expect(await again.database.tables<{ items: Items }>().selectFrom('items').select('body').execute()).toEqual([
        { body: 'kept' },
      ]);
    });
  });
}
