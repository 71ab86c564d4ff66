/** `signalbox database`, and what `check-config` says of the section: as processes, on a real server. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { signalbox, type Outcome } from '../harness/process.ts';
import { named } from '../harness/symptoms.ts';
import { SECRET } from '../harness/tokens.ts';

const MODULE = fileURLToPath(new URL('./notes.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'signalbox-database-verb-'));
afterAll(() => rmSync(folder, { recursive: true }));

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

function database(verb: string, url: string, module = MODULE): Promise<Outcome> {
  return signalbox(['database', verb, '--set', `apps.modules=${module}`], { DATABASE_URL: url });
}

describe.skipIf(POSTGRESQL === null)('signalbox database', () => {
  let server: PostgresqlServer;
  beforeAll(async () => {
    server = await startPostgresql();
  });
  afterAll(() => server.end());

  test(
    'A-45, L-28: migrates, and finds all of it in a database that pg_restore has made of a backup; what this version lacks or has otherwise is said',
    { timeout: 60_000 },
    async () => {
      const url = await server.database();
      expect(await database('migrate', url)).toMatchObject({ code: 0, out: 'applied notes/0001-notes\n' });
      await server.query(
        `insert into notes.notes select n, 'note ' || n from generate_series(1, 1000) as n`,
        nameOf(url),
      );

      const restored = await server.database();
      const backup = join(folder, 'backup');
      execFileSync(`${POSTGRESQL}/pg_dump`, ['--format=custom', `--file=${backup}`, `--dbname=${url}`]);
      execFileSync(`${POSTGRESQL}/pg_restore`, ['--exit-on-error', `--dbname=${restored}`, backup]);
      expect(await database('check', restored)).toMatchObject({
        code: 0,
        out: 'the database is good: every migration is applied\n',
      });
      const counted = 'select count(*)::int as count, max(id)::int as last from notes.notes';
      expect(await server.query(counted, nameOf(restored))).toEqual([{ count: 1_000, last: 1_000 }]);

      const changed = join(folder, 'notes.mjs');
      writeFileSync(
        changed,
        `export const app = { name: 'notes', start: () => ({}), database: { migrations: [
          { name: '0001-notes', sql: 'create table notes (id int)' }, { name: '0002-more', sql: 'select 1' } ] } };`,
      );
      const { code, out } = await database('check', restored, changed);
      expect(code).toBe(1);
      expect(out).toMatch(
        /^changed {2}notes\/0001-notes \(\d{4}-.*Z\)\npending {2}notes\/0002-more\nthe database is not ready: 2 of its/,
      );
    },
  );

  test('a recovery that has brought the tables and not what they hold', { timeout: 60_000 }, async () => {
    const [url, restored] = [await server.database(), await server.database()];
    expect(await database('migrate', url)).toMatchObject({ code: 0 });
    const backup = join(folder, 'half');
    execFileSync(`${POSTGRESQL}/pg_dump`, ['--format=custom', `--file=${backup}`, `--dbname=${url}`]);
    execFileSync(`${POSTGRESQL}/pg_restore`, ['--section=pre-data', `--dbname=${restored}`, backup]);
    const settings = { 'apps.modules': MODULE };
    await named('recovery-not-whole', { settings, environment: { DATABASE_URL: restored } });
  });

  test('a server that is not there is one line without the password, and exit code 1', async () => {
    const { code, err } = await database('status', server.url('missing').replace('postgres@', 'postgres:hunter2@'));
    expect([code, err]).toEqual([1, 'signalbox: database "missing" does not exist (3D000)\n']);
  });
});

describe('the section [database]', () => {
  test('check-config refuses a URL that cannot be read without showing it, a folder that cannot be written, and both together', async () => {
    const sets = ['database.url=mysql://root:hunter2@h/db', 'database.folder=/proc/nowhere'];
    const args = ['check-config', ...sets.flatMap((assignment) => ['--set', assignment])];
    const { code, out, err } = await signalbox(args, { JWT_SECRET: SECRET });
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('database.url: expected postgresql://user[:password]@host[:5432]/database');
    expect(err).toContain('got (another URL)');
    expect(err).toContain('database.folder: expected no folder beside database.url');
    expect(err).not.toContain('hunter2');
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const wrong = await signalbox(['check-config', '--set', `database.folder=${file}`], { JWT_SECRET: SECRET });
    expect(wrong.err).toContain(
      `database.folder: expected a folder that this process may write, or that it can make, got ${file}`,
    );
    expect(wrong.code).toBe(2);
  });

  test('print-config does not show the URL of the database', async () => {
    const url = 'postgresql://ada:hunter2@h/db';
    const { out } = await signalbox(['print-config', '--json'], { JWT_SECRET: SECRET, DATABASE_URL: url });
    expect((JSON.parse(out) as Record<string, unknown>)['database.url']).toEqual({
      value: '[redacted]',
      origin: 'DATABASE_URL',
    });
  });
});
