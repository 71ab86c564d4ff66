/** An application of tests that keeps notes in the database. */
import type { App, Database } from '../../src/index.ts';

interface Tables {
  notes: { id: number; text: string };
}

export const NOTES = {
  name: '0001-notes',
  sql: 'create table notes (id bigint generated always as identity primary key, text text not null)',
};

/** @param name of the application, and so of its schema */
export function notesApp(name = 'notes', isNeeded = true): App {
  return {
    name,
    database: { migrations: [NOTES], isNeeded },
    start: (host) => {
      const database = host.database as Database;
      return {
        frames: {
          'X-Note': host.frame({
            schema: (z) => z.strictObject({ text: z.string() }),
            writes: true,
            handle: async ({ text }) => {
              const rows = await database.tables<Tables>().insertInto('notes').values({ text } as never).returning('id').execute();
              return { id: rows[0]?.id ?? 0 };
            },
          }),
        },
        routes: [
          host.route({
            method: 'GET',
            path: '/api/notes/count',
            access: 'public',
            answers: (z) => z.object({ count: z.number() }),
            handle: async () => {
              const { count } = await database
                .tables<Tables>()
                .selectFrom('notes')
                .select((it) => it.fn.countAll<number>().as('count'))
                .executeTakeFirstOrThrow();
              return { count };
            },
          }),
        ],
      };
    },
  };
}
