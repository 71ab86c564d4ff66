/** Nodes whose applications keep things in a database that goes away, comes back, lacks tables, or belongs to another node. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openNodeDatabase } from '../../src/cli/node/database.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { LogFactory, parseLevels } from '../../src/telemetry/pino-log.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { SETTINGS, startServer, type TestServer } from '../harness/server.ts';
import { notesApp } from './notes.ts';

const MIGRATES = { 'database.migrate': 'true' };

async function answer(
  server: TestServer,
  path: string,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await server.get(path);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe.skipIf(POSTGRESQL === null)('a node with PostgreSQL', () => {
  let postgresql: PostgresqlServer;
  beforeAll(async () => {
    postgresql = await startPostgresql();
  });
  afterAll(() => postgresql.end());

  test('A-23, A-25: the database stops: 503 names it, requests are refused for a while, topics go on; it starts: 200 without a new process', async () => {
    const server = await startServer({ ...MIGRATES, 'database.url': await postgresql.database() }, [notesApp('notes')]);
    const client = await connect(server.port, { user: 'ada' });
    await client.subscribe('news');
    expect(await answer(server, '/health/ready')).toMatchObject({ status: 200 });
    expect((await client.ask('X-Note', { id: 1, text: 'one' })).type).toBe('Status');
    expect(await server.samples('signalbox_database_up')).toEqual([{ driver: 'postgresql', value: 1 }]);

    await postgresql.stop();
    const refused = await client.ask('X-Note', { id: 2, text: 'two' });
    expect(refused).toMatchObject({ type: 'Error', data: { reason: 'database_unavailable', temporary: true } });
    expect((await answer(server, '/api/notes')).body).toMatchObject({
      error: { code: 503, reason: 'database_unavailable' },
    });
    const away = { database: 'postgresql', database_state: 'away' };
    expect(await answer(server, '/health/ready')).toMatchObject({ status: 503, body: { ready: false, ...away } });
    expect(await answer(server, '/health')).toMatchObject({ status: 503, body: { status: 'unhealthy', ...away } });
    expect(await answer(server, '/health/live')).toMatchObject({ status: 200 });
    expect((await client.publish('news', 'topics go on')).type).toBe('Ack');
    const failures = await server.samples('signalbox_database_failures_total');
    expect(failures.find(({ reason }) => reason === 'away')?.value).toBeGreaterThan(0);

    await postgresql.start();
    await eventually(async () => (await answer(server, '/health')).status === 200, 'the node to be healthy');
    expect((await client.ask('X-Note', { id: 2, text: 'two' })).type).toBe('Status');
    expect(await answer(server, '/api/notes')).toEqual({
      status: 200,
      body: {
        notes: [
          { id: 2, text: 'two' },
          { id: 1, text: 'one' },
        ],
      },
    });
  });

  test('a node starts without its database, and an application that can do without it makes the node no worse', async () => {
    const url = postgresql.url('later');
    const server = await startServer({ ...MIGRATES, 'database.url': url }, [notesApp('notes', false)]);
    expect(await answer(server, '/health/ready')).toMatchObject({ status: 200 });
    expect(await answer(server, '/api/notes')).toMatchObject({ status: 503 });
    expect(await answer(server, '/health')).toMatchObject({ status: 200, body: { database_state: 'away' } });
    await postgresql.query('create database later');
    await eventually(async () => (await answer(server, '/api/notes')).status === 200, 'the tables to be made');
  });

  test('W-34: without database.migrate a node waits for its tables, and takes them when they are there', async () => {
    const url = await postgresql.database();
    const server = await startServer({ 'database.url': url }, [notesApp('notes')]);
    expect(await answer(server, '/health/ready')).toMatchObject({
      status: 503,
      body: { database_state: 'unmigrated' },
    });
    const other = await startServer({ ...MIGRATES, 'database.url': url }, [notesApp('notes')]);
    expect(await answer(other, '/health/ready')).toMatchObject({ status: 200 });
    await eventually(
      async () => (await answer(server, '/health/ready')).status === 200,
      'the tables to be found',
      5_000,
    );
  });
});

describe('a database in the process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-database-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const logs = new LogFactory(parseLevels('error'), 'json', {});

  function configOf(settings: Readonly<Record<string, string>>): Config {
    return loadConfig({ files: [], environment: {}, flags: new Map(Object.entries({ ...SETTINGS, ...settings })) })
      .config;
  }

  const loaded = (name: string): Parameters<typeof openNodeDatabase>[2][number] => ({
    app: notesApp(name),
    origin: 'the program',
    settings: {},
    keys: [],
    section: {},
  });

  const problemsOf = async (settings: Readonly<Record<string, string>>, name = 'notes'): Promise<string> => {
    const opened: unknown = await openNodeDatabase(configOf(settings), 'n', [loaded(name)], logs).catch(
      (error: unknown) => error,
    );
    return opened instanceof ConfigError
      ? opened.problems.map(({ key, expected, got }) => `${key}: expected ${expected}, got ${got}`).join('\n')
      : 'none';
  };

  test('D-44: each statement is a line at database=debug, a slow one a warning once a second, and no line has a value', async () => {
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    const told = new LogFactory(parseLevels('info,database=debug'), 'json', {}, { write });
    const node = await openNodeDatabase(configOf({ 'database.slow_statement_ms': '60' }), 'n', [loaded('notes')], told);
    const database = node?.of('notes');
    if (node === null || database === undefined || database === null) throw new Error('expected a database');
    const said = 'what-alice-said';
    await database.sql`insert into notes.notes values (${1}, ${said})`.execute(database.tables());
    for (let at = 0; at < 3; at += 1)
      await database.sql`select pg_sleep(${0.08}), ${said}::text`.execute(database.tables());
    await node.stop();
    const found = (message: string): Record<string, unknown>[] =>
      lines.filter((line) => line['message'] === message && line['target'] === 'signalbox::database');
    expect(found('Statement')).toContainEqual(
      expect.objectContaining({ level: 'DEBUG', statement: 'insert into notes.notes values ($1, $2)' }),
    );
    expect(found('Slow statement')[0]).toMatchObject({ level: 'WARN', statement: 'select pg_sleep($1), $2::text' });
    expect(found('Slow statement')[0]?.['duration_ms']).toBeGreaterThanOrEqual(60);
    expect(found('Slow statement').length).toBeLessThan(3);
    expect(JSON.stringify(lines)).not.toContain(said);
  });

  test('nothing is opened when no application uses it', async () => {
    expect(await openNodeDatabase(configOf({}), 'n', [], logs)).toBe(null);
  });

  test('two nodes want one folder: the second is refused in one line that says who has it and what to do', async () => {
    const settings = { 'database.folder': await pgliteFolder() };
    const first = await openNodeDatabase(configOf(settings), 'n', [loaded('notes')], logs);
    expect(first?.trouble()).toBe(null);
    expect(await problemsOf(settings)).toBe(
      `database.folder: expected a database that can be opened, got expected a directory of this process alone, but process ${process.pid} uses it (${settings['database.folder']}/signalbox.lock): give each node a database.folder of its own, or all of them one database.url`,
    );
    await first?.stop();
  });

  test('a folder that is a file, workers that would have one each, and a name that PostgreSQL has taken are refused before the start', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await problemsOf({ 'database.folder': join(file, 'below') })).toBe(
      `database.folder: expected a folder that this process may write, or that it can make, got ${file}/below (${file} is a file)`,
    );
    const workers = { 'server.workers': '2', 'redis.url': 'redis://127.0.0.1:1', 'admin.port': '1' };
    expect(await problemsOf(workers)).toContain('database.url: expected a PostgreSQL for the 2 workers');
    expect(await problemsOf({}, 'public')).toContain(
      'apps.public: expected migrations that can be read, got expected an application that is not called public',
    );
  });
});
