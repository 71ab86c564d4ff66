/** A server of conversations that is started anew under load, by its signal and by a kill: nothing that was acknowledged is lost. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, within } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { POSTGRESQL, startPostgresql } from '../harness/postgresql-server.ts';
import { spawnServer, type ServerProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { SECRET } from '../harness/tokens.ts';
import { clientOf, Reading } from '../client/rig.ts';
import { conversations } from '../../src/client/conversations/index.ts';

const MESSAGES = 120;
/** Message at which it is ended, and how. */
const ENDS: ReadonlyMap<number, 'SIGTERM' | 'SIGKILL'> = new Map([
  [30, 'SIGTERM'],
  [70, 'SIGKILL'],
]);

test.skipIf(POSTGRESQL === null)(
  'A-40: a restart brings the service back, /health says so, clients go on where they were, and every acknowledged message is there once',
  { timeout: 120_000 },
  async () => {
    const [postgresql, redis, port] = await Promise.all([startPostgresql(), startRedis(), freePort()]);
    onTestFinished(() => {
      postgresql.end();
      redis.end();
    });
    const settings = {
      'server.node_name': 'n1',
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
      'redis.url': redis.url,
      'rate_limiting.enabled': 'false',
      'shutdown.grace_secs': '1',
    };
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-restart-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'signalbox.toml');
    writeFileSync(file, '[apps.conversations]\nonline = false\n');
    const words = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const health = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}/health`).catch(() => ({ status: 0 }))).status;
    const start = async (): Promise<ServerProcess> => {
      const server = spawnServer(['--port', String(port), '--config', file, ...words], { JWT_SECRET: SECRET });
      await server.serving();
      await eventually(async () => (await health()) === 200, 'the server to be healthy');
      return server;
    };
    let server = await start();
    const [ada, bob] = [clientOf(port, 'ada'), clientOf(port, 'bob')];
    const { conversation } = await conversations(ada).create({ kind: 'private', with: 'bob' });
    const topic = `conversation.${conversation.id}`;
    const reading = new Reading(bob.topic(topic));
    await reading.live();

    const receipts: Promise<unknown>[] = [];
    let restarting = Promise.resolve();
    for (let at = 1; at <= MESSAGES; at += 1) {
      receipts.push(ada.topic(topic).publish({ type: 'text', content: `message ${at}` }));
      const signal = ENDS.get(at);
      if (signal !== undefined) {
        await restarting;
        const ending = server;
        restarting = (async (): Promise<void> => {
          ending.signal(signal);
          await ending.exited;
          expect(await health()).toBe(0);
          server = await start();
        })();
      }
      await delay(10);
    }
    await restarting;
    const stored = await within(Promise.all(receipts), 'every receipt', 60_000);
    expect(stored).toHaveLength(MESSAGES);
    await reading.until(({ payloads }) => payloads.length >= MESSAGES, 'every message at its reader');
    const expected = Array.from({ length: MESSAGES }, (_, at) => `message ${at + 1}`);
    const contents = (payloads: readonly unknown[]): unknown[] =>
      payloads.map((payload) => (payload as { readonly content?: string }).content);
    expect(contents(reading.payloads)).toEqual(expected);
    expect(reading.kinds).not.toContain('gap');
    const rows = await postgresql.query('select payload from conversations.events order by sequence', 'test_1');
    expect(contents(rows.map((row) => JSON.parse(row['payload'] as string) as unknown))).toEqual(expected);
    expect(await server.end()).toBe(0);
  },
);
