/** An application that keeps notes in the database: docs/database.md leads through it. */
import type { App, Database, Host } from 'signalbox';

interface Note {
  readonly id: number;
  readonly text: string;
}

interface Tables {
  notes: Note;
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
      const notes = database.groupCommit<Note, number>({ write: (batch) => storeAll(database, batch) });
      const store = host.frame({
        schema: (z) => z.strictObject({ id: z.int(), text: z.string() }),
        handle: async (note) => ({ stored: await notes.put(note) }),
      });
      return { frames: { 'X-Note': store }, routes: [pageRoute(host, database)], stop: () => notes.settled() };
    },
  };
}

/** One statement and one commit for the notes of one turn. */
async function storeAll(database: Database, notes: readonly Note[]): Promise<number[]> {
  const ids = notes.map(({ id }) => id);
  const texts = notes.map(({ text }) => text);
  const insert = database.sql`insert into notes.notes select * from unnest(${ids}::int8[], ${texts}::text[])`;
  await insert.execute(database.tables());
  return ids;
}

function pageRoute(host: Host, database: Database): ReturnType<Host['route']> {
  return host.route({
    method: 'GET',
    path: '/api/notes',
    access: 'public',
    summary: 'The newest notes.',
    handle: async () => {
      const notes = database.tables<Tables>().selectFrom('notes');
      return { body: { notes: await notes.selectAll().orderBy('id', 'desc').limit(50).execute() } };
    },
  });
}
