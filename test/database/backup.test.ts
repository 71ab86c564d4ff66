/** `signalbox database backup` and `restore`: as processes, on a real server, with damage of every kind. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { UsageError } from '../../src/cli/command.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { FileLock } from '../../src/telemetry/file-lock.ts';
import { connect } from '../harness/client.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startProcess, type Environment, type Outcome, type ServerProcess } from '../harness/process.ts';
import { verbHere } from '../harness/verb-here.ts';

vi.setConfig({ testTimeout: 90_000 });

const MODULE = fileURLToPath(new URL('./notes.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'signalbox-backup-'));
afterAll(() => rmSync(root, { recursive: true }));

/** As the command line has it: what is thrown is a line, and an exit code. */
function verbOf(words: readonly string[], environment: Environment = {}): Promise<Outcome> {
  return verbHere(words, environment).catch((error: unknown) => ({
    code: error instanceof UsageError || error instanceof ConfigError ? 2 : 1,
    out: '',
    err: String(error),
  }));
}

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(root, `f${folders}`);
}

const archivesIn = (folder: string): string[] => readdirSync(folder).filter((name) => !name.endsWith('.json'));

describe.skipIf(POSTGRESQL === null)('PostgreSQL', () => {
  let server: PostgresqlServer;
  beforeAll(async () => {
    server = await startPostgresql();
  }, 60_000);
  afterAll(() => server.end());

  const nameOf = (url: string): string => new URL(url).pathname.slice(1);
  const verb = (url: string, words: readonly string[], more: Record<string, string> = {}): Promise<Outcome> =>
    verbOf(['database', ...words, '--set', `apps.modules=${MODULE}`], {
      DATABASE_URL: url,
      PATH: `${POSTGRESQL}:${process.env['PATH'] ?? ''}`,
      ...more,
    });
  /** With so many notes, and a table of somebody else. */
  const filled = async (count: number): Promise<string> => {
    const url = await server.database();
    expect(await verb(url, ['migrate'])).toMatchObject({ code: 0 });
    await server.query(
      `insert into notes.notes select n, 'note ' || md5(n::text) from generate_series(1, ${count}) as n;
       create table public.theirs as select 7 as n`,
      nameOf(url),
    );
    return url;
  };
  const notes = async (url: string): Promise<unknown> =>
    (
      await server.query(
        "select count(*)::int as count, md5(string_agg(text, ',' order by id)) as sum from notes.notes",
        nameOf(url),
      )
    )[0];

  test('W-42, D-45, L-32, L-33: a backup is tested, tells what it has, and comes back whole, in place of what is there and without touching what is others', async () => {
    const url = await filled(2_000);
    const folder = newFolder();
    const made = await verb(url, ['backup', folder]);
    expect(made).toMatchObject({ code: 0, err: '' });
    const [archive = ''] = archivesIn(folder);
    expect(made.out).toBe(`${join(folder, archive)} is written and tested\n`);
    expect(archive).toMatch(/^signalbox-\d{8}T\d{6}Z\.dump$/);
    const manifest = JSON.parse(readFileSync(join(folder, `${archive}.json`), 'utf8')) as { rows: unknown };
    expect(manifest.rows).toEqual({ 'notes.notes': 2_000, 'signalbox.migrations': 1 });
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    const before = await notes(url);

    await server.query(
      `update notes.notes set text = 'spoilt'; delete from notes.notes where id > 5; update public.theirs set n = 8`,
      nameOf(url),
    );
    const spoilt = await notes(url);
    const restored = await verb(url, ['restore', join(folder, archive)]);
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.out).toContain('restored 2001 rows of 2 tables');
    expect(await notes(url)).toEqual(before);
    expect(await server.query('select n from public.theirs', nameOf(url))).toEqual([{ n: 8 }]);
    expect(await verb(url, ['check'])).toMatchObject({ code: 0 });

    // The data of before was kept, and comes back as well.
    const kept = archivesIn(folder).find((name) => name.startsWith('before-restore')) ?? '';
    expect(restored.out).toContain(`${join(folder, kept)} has what was there before`);
    expect(await verb(url, ['restore', join(folder, kept)])).toMatchObject({ code: 0 });
    expect(await notes(url)).toEqual(spoilt);
    // And into an empty database.
    const empty = await server.database();
    expect((await verb(empty, ['restore', join(folder, archive)])).out).toContain('there was nothing before');
    expect(await notes(empty)).toEqual(before);
  });

  test('L-33: a corrupt archive changes nothing, however it is damaged', async () => {
    const url = await filled(500);
    const folder = newFolder();
    await verb(url, ['backup', folder]);
    const [archive = ''] = archivesIn(folder);
    const good = readFileSync(join(folder, archive));
    const about = readFileSync(join(folder, `${archive}.json`), 'utf8');
    const before = await notes(url);
    const damaged = (bytes: Buffer, manifest = about): string => {
      const path = join(newFolder());
      mkdirSync(path);
      writeFileSync(join(path, archive), bytes);
      if (manifest !== '') writeFileSync(join(path, `${archive}.json`), manifest);
      return join(path, archive);
    };
    const flipped = Buffer.from(good);
    flipped[good.length - 200] = (flipped[good.length - 200] ?? 0) ^ 0x40;
    const sumOf = (bytes: Buffer): string =>
      JSON.stringify({
        ...(JSON.parse(about) as object),
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      });
    for (const [path, says] of [
      [damaged(flipped), /corrupt/],
      [damaged(good.subarray(0, -1_000)), /bytes/],
      [damaged(good, ''), /ENOENT/],
      [damaged(good, '{'), /signalbox-backup-1/],
      [join(folder, 'nothing.dump'), /ENOENT/],
      // A manifest that was made for the damage: pg_restore finds it.
      [damaged(good.subarray(0, -1_000), sumOf(good.subarray(0, -1_000))), /pg_restore/],
      [damaged(Buffer.from('no archive at all'), sumOf(Buffer.from('no archive at all'))), /pg_restore/],
    ] as const) {
      const { code, err } = await verb(url, ['restore', path]);
      expect([code, err], path).toEqual([1, expect.stringMatching(says)]);
      expect(await notes(url)).toEqual(before);
    }
    // An archive that is whole, and of which a statement fails at the end: all of it is undone.
    await server.query('create view public.on_notes as select * from notes.notes', nameOf(url));
    await server.query(
      `create function public.no() returns event_trigger language plpgsql as $$ begin raise 'not today'; end $$;
      create event trigger no on ddl_command_end when tag in ('ALTER TABLE') execute function public.no()`,
      nameOf(url),
    );
    const failed = await verb(url, ['restore', join(folder, archive)]);
    expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('not today')]);
    expect(await notes(url)).toEqual(before);
    expect(await server.query('select count(*)::int as n from public.on_notes', nameOf(url))).toEqual([{ n: 500 }]);
  });

  test('L-32: where there is no room, or the disk fills up on the way, nothing is left of it and older backups stay', async () => {
    const url = await filled(5_000);
    const folder = newFolder();
    await verb(url, ['backup', folder]);
    const kept = readdirSync(folder);
    const small = join(root, 'small');
    mkdirSync(small);
    // A limit of the kernel: the program of PostgreSQL is told that the file may not grow.
    const programs = newFolder();
    mkdirSync(programs);
    writeFileSync(join(programs, 'pg_dump'), `#!/bin/sh\nulimit -f 8\nexec ${POSTGRESQL}/pg_dump "$@"\n`);
    chmodSync(join(programs, 'pg_dump'), 0o755);
    const full = await verb(url, ['backup', folder, '--keep', '1'], {
      PATH: `${programs}:${POSTGRESQL}:${process.env['PATH'] ?? ''}`,
    });
    expect([full.code, full.out, full.err]).toEqual([1, '', expect.stringContaining('pg_dump')]);
    expect(readdirSync(folder)).toEqual(kept);
  });

  test('L-32: the newest stay, as many as one says, and strangers in the folder are left alone', async () => {
    const url = await filled(5);
    const folder = newFolder();
    mkdirSync(folder);
    for (const name of [
      'signalbox-20200101T000000Z.dump',
      'signalbox-20200102T000000Z.dump',
      'notes.dump',
      'before-restore-20200101T000000Z.dump',
    ]) {
      writeFileSync(join(folder, name), '');
      writeFileSync(join(folder, `${name}.json`), '');
    }
    const { out } = await verb(url, ['backup', folder, '--keep', '2']);
    expect(out).toContain('removed signalbox-20200101T000000Z.dump');
    expect(archivesIn(folder).toSorted()).toEqual([
      'before-restore-20200101T000000Z.dump',
      'notes.dump',
      'signalbox-20200102T000000Z.dump',
      expect.stringMatching(/^signalbox-2[^/]*\.dump$/),
    ]);
    expect(existsSync(join(folder, 'signalbox-20200101T000000Z.dump.json'))).toBe(false);
  });

  test('a password is no argument and in no file; programs that are missing, and words that are wrong, are said', async () => {
    await server.query(`create role keeper login superuser password 'hunter2'`);
    const url = (await filled(5)).replace('postgres@', 'keeper:hunter2@');
    const folder = newFolder();
    const spy = newFolder();
    mkdirSync(spy);
    writeFileSync(
      join(spy, 'pg_dump'),
      `#!/bin/sh\nprintf '%s ' "$@" > ${spy}/words\nexec ${POSTGRESQL}/pg_dump "$@"\n`,
    );
    chmodSync(join(spy, 'pg_dump'), 0o755);
    const made = await verb(url, ['backup', folder], { PATH: `${spy}:${POSTGRESQL}:${process.env['PATH'] ?? ''}` });
    expect(made).toMatchObject({ code: 0 });
    expect(readFileSync(join(spy, 'words'), 'utf8')).toContain('--format=custom');
    for (const path of [join(spy, 'words'), ...readdirSync(folder).map((name) => join(folder, name))])
      expect(readFileSync(path, 'latin1'), path).not.toContain('hunter2');
    const bare = newFolder();
    mkdirSync(bare);
    expect(await verb(url, ['backup', folder], { PATH: bare })).toMatchObject({
      code: 1,
      err: expect.stringContaining('expected the program pg_dump on PATH') as string,
    });
    for (const words of [['backup'], ['restore'], ['backup', folder, '--keep', '0'], ['status', folder]])
      expect(await verb(url, words), words.join(' ')).toMatchObject({
        code: 2,
        err: expect.stringContaining('expected') as string,
      });
    expect(await verb(await server.database(), ['backup', folder])).toMatchObject({
      code: 1,
      err: expect.stringContaining('there are none') as string,
    });
  });

  test('L-33: a restore waits for nodes to be stopped, and then clients go on: they hear that another history has begun, and messages have places again', async () => {
    const url = await server.database();
    const file = join(root, 'signalbox.toml');
    writeFileSync(file, '[database]\nmigrate = true\n[apps.conversations]\nonline = false\n');
    const sets = ['--config', file];
    const environment = { DATABASE_URL: url, PATH: `${POSTGRESQL}:${process.env['PATH'] ?? ''}` };
    const start = async (): Promise<ServerProcess> => {
      const node = await startProcess(sets, environment);
      onTestFinished(() => node.signal('SIGKILL'));
      return node;
    };
    const database = (...words: readonly string[]): Promise<Outcome> =>
      verbOf(['database', ...words, ...sets], environment);
    const first = await start();
    const ada = await connect(first.port, { user: 'ada' });
    const { data } = await ada.ask('X-ConversationCreate', { kind: 'private', with: 'bob' });
    const { id: conversation } = (data.details as { conversation: { id: string } }).conversation;
    const send = (client: typeof ada, content: string) =>
      client.ask('X-ConversationSend', { conversation, clientId: content, content });
    await send(ada, 'one');
    const folder = newFolder();
    // Beside a node that runs.
    expect(await database('backup', folder)).toMatchObject({ code: 0 });
    await send(ada, 'two, which the backup lacks');
    const epochs = async (): Promise<unknown[]> =>
      (await server.query('select epoch from conversations.conversations', nameOf(url))).map(({ epoch }) => epoch);
    const before = await epochs();
    const [archive = ''] = archivesIn(folder);
    expect(await database('restore', join(folder, archive))).toMatchObject({
      code: 1,
      err: expect.stringContaining('expected no node at this database, got signalbox-test-node') as string,
    });
    expect(await first.end()).toBe(0);
    expect(await database('restore', join(folder, archive))).toMatchObject({ code: 0 });

    // Its numbers begin another history, so nobody takes a new message for one that the backup lacks.
    expect(await epochs()).not.toEqual(before);
    const second = await start();
    const again = await connect(second.port, { user: 'ada' });
    const topic = `conversation.${conversation}`;
    // A reader that comes back with its place of before is told so.
    await again.ask('Unsubscribe', { topics: [topic] });
    const reply = await again.ask('Subscribe', { topics: [{ topic, epoch: before[0], sequence: 2 }] });
    expect(reply.data.details).toMatchObject({ recovery: { [topic]: { recovered: false, reason: 'unknown_epoch' } } });
    const answer = await send(again, 'another second one');
    expect(answer.data.details).toMatchObject({ sequence: 2 });
    const page = await again.ask('X-ConversationMessages', { conversation });
    expect(
      (page.data.details as { messages: { content: string }[] }).messages.map(({ content }) => content).toSorted(),
    ).toEqual(['another second one', 'one']);
  });
});

describe('PGlite', () => {
  test('L-32, L-33: a folder is backed up and comes back; a corrupt archive, and a node that runs, change nothing', async () => {
    const folder = await pgliteFolder();
    const verb = (...words: readonly string[]): Promise<Outcome> =>
      verbOf(['database', ...words, '--set', `apps.modules=${MODULE}`, '--set', `database.folder=${folder}`]);
    expect(await verb('migrate')).toMatchObject({ code: 0 });
    const backups = newFolder();
    expect(await verb('backup', backups)).toMatchObject({ code: 0 });
    const [archive = ''] = archivesIn(backups);
    expect(archive).toMatch(/^signalbox-\d{8}T\d{6}Z\.tar\.gz$/);
    const path = join(backups, archive);
    expect(gunzipSync(readFileSync(path)).length).toBeGreaterThan(1_000_000);
    const restored = await verb('restore', path);
    expect(restored).toMatchObject({ code: 0, out: expect.stringContaining('restored 1 rows of 2 tables') as string });
    expect(
      readdirSync(folder)
        .filter((name) => name !== 'data')
        .toSorted(),
    ).toEqual([expect.stringMatching(/^before-restore-/)]);
    const bytes = readFileSync(path);
    bytes[2_000] = (bytes[2_000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const there = readdirSync(folder);
    expect(await verb('restore', path)).toMatchObject({ code: 1, err: expect.stringContaining('corrupt') as string });
    expect(readdirSync(folder)).toEqual(there);
    expect(await verb('check')).toMatchObject({ code: 0 });
    const node = FileLock.take(join(folder, 'signalbox.lock'), 'as a node has it');
    onTestFinished(() => node.release());
    expect(await verb('backup', backups)).toMatchObject({
      code: 1,
      err: expect.stringContaining('stop the node') as string,
    });
  });
});
