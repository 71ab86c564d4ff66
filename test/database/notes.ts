/** An application of tests that keeps notes in the database: a module, as apps.modules names it. */
import type { App, Database, Host } from '../../src/index.ts';

interface Tables {
  notes: { id: number; text: string };
}

export const app: App = notesApp('notes');

/** @param name of the application, and so of its schema */
export function notesApp(name: string, isNeeded = true): App {
  return {
    name,
    database: {
      migrations: [{ name: '0001-notes', sql: 'create table notes (id bigint primary key, text text not null)' }],
      isNeeded,
    },
    start: (host) => {
      const { database } = host;
      if (database === null) throw new Error('expected a database');
      return { frames: { 'X-Note': noteFrame(host, database) }, routes: [countRoute(host, database)] };
    },
  };
}

function noteFrame(host: Host, database: Database): ReturnType<Host['frame']> {
  return host.frame({
    schema: (z) => z.strictObject({ id: z.number(), text: z.string() }),
    handle: async (note) => {
      await database.tables<Tables>().insertInto('notes').values(note).execute();
      return { stored: note.id };
    },
  });
}

function countRoute(host: Host, database: Database): ReturnType<Host['route']> {
  return host.route({
    method: 'GET',
    path: '/api/notes',
    access: 'public',
    summary: 'Counts notes.',
    handle: async () => {
      const notes = database.tables<Tables>().selectFrom('notes');
      return { body: await notes.select((it) => it.fn.countAll<number>().as('count')).executeTakeFirstOrThrow() };
    },
  });
}
