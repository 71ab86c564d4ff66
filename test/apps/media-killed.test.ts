/** A node is killed between the steps by which it keeps a file: the client may send it again, and what nobody sends again is cleaned away. */
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtFiles } from '../harness/built-server.ts';
import { eventually } from '../harness/deadline.ts';
import { png } from '../harness/media.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startScript, type ServerProcess } from '../harness/process.ts';
import { SETTINGS } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

/** So many starts find a busy machine at times. */
const START_MS = 120_000;
const NODE = fileURLToPath(new URL('../harness/killed-node.ts', import.meta.url));
const IMAGE = png(5_000);
/** A file of the spool that is older was left by a process that ended. */
const THREE_HOURS_SECS = 3 * 3_600;

interface Announced {
  readonly id: string;
  readonly uploadUrl: string;
  readonly publicUrl: string;
}

describe.skipIf(POSTGRESQL === null)('a node that is killed while it keeps a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-media-killed-'));
  let postgresql: PostgresqlServer;
  let settings: Record<string, string>;
  let node: ServerProcess;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    settings = {
      ...SETTINGS,
      'logging.level': 'info',
      'rate_limiting.enabled': 'false',
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
      'apps.conversations.online': 'false',
      'apps.media.folder': folder,
    };
    node = await start();
  }, 120_000);
  afterAll(async () => {
    await node.end();
    postgresql.end();
    rmSync(folder, { recursive: true });
  });

  const start = (): Promise<ServerProcess> => startScript(NODE, [JSON.stringify(settings), builtFiles()], START_MS);
  const ask = async (path: string, given: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, `http://127.0.0.1:${node.port}`), {
      ...given,
      headers: { authorization: `Bearer ${await tokenOf('ada')}`, 'content-type': 'image/png' },
    });
  const announce = async (): Promise<Announced> => {
    const body = JSON.stringify({ fileName: 'cat.png', fileType: 'image/png' });
    return (await (await ask('/apps/media/uploads', { method: 'POST', body })).json()) as Announced;
  };
  const put = ({ uploadUrl }: Announced): Promise<Response> => ask(uploadUrl, { method: 'PUT', body: IMAGE });
  const files = (of: 'incoming' | 'objects'): string[] => {
    const path = join(folder, of);
    if (!existsSync(path)) return [];
    const entries = readdirSync(path, { recursive: true, withFileTypes: true, encoding: 'utf8' });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };

  /** Sends the file to a node that ends at this step of it. @returns whether it ended before it had answered */
  const killedAt = async (step: number, announced: Announced): Promise<boolean> => {
    await ask(`/apps/killer/arm/${step}`, { method: 'POST' });
    const answer = await put(announced).catch(() => null);
    if (answer !== null) {
      await ask('/apps/killer/arm/0', { method: 'POST' });
      return false;
    }
    await node.exited;
    return true;
  };

  test(
    'at each step: sent again it is kept, and what nobody sends again leaves no file for ever',
    { timeout: 300_000 },
    async () => {
      const left = { spooled: 0, stored: 0 };
      let step = 1;
      for (; ; step += 1) {
        const announced = await announce();
        if (!(await killedAt(step, announced))) break;
        left.spooled = files('incoming').length;
        left.stored = files('objects').length;
        node = await start();
        // Of every other one its client has lost interest.
        if (step % 2 === 1) continue;
        expect((await put(announced)).status, `step ${step}`).toBe(200);
        const got = Buffer.from(await (await ask(announced.publicUrl)).arrayBuffer());
        expect(got.equals(Buffer.from(IMAGE)), `step ${step}`).toBe(true);
      }
      // Looking it up, saying what it is, and saying that it is there: each before and behind.
      expect(step).toBeGreaterThan(5);
      expect(left.spooled).toBeGreaterThan(0);
      expect(left.stored).toBeGreaterThan(0);
      await node.end();
      // A day and more goes by, in which nothing names any of them.
      await postgresql.query(`update media.uploads set loose_since = now() - interval '30 days'`, 'test_1');
      const old = Date.now() / 1_000 - THREE_HOURS_SECS;
      for (const file of files('incoming')) utimesSync(file, old, old);
      node = await start();
      await eventually(() => [...files('incoming'), ...files('objects')].length === 0, 'no file to be left', 60_000);
      expect(await postgresql.query('select id from media.uploads', 'test_1')).toEqual([]);
    },
  );
});
