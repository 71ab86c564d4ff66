/** `kill -9` of a server whose consumer has messages in hand. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/deadline.ts';
import { startProcess, type ServerProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';

const PATIENCE_MS = 60_000;

test(
  'W-33: SIGKILL between a message and its end: after the restart each is handled, once',
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.end());
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-letters-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const lines = (name: string): string[] =>
      existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim().split('\n') : [];
    const module = fileURLToPath(new URL('./letters-slow.ts', import.meta.url));
    const start = async (): Promise<ServerProcess> => {
      const words = ['--set', `apps.modules=${module}`, '--set', 'queue.lease_secs=2'];
      const server = await startProcess(words, { REDIS_URL: redis.url, LETTERS_FOLDER: folder });
      onTestFinished(() => server.signal('SIGKILL'));
      return server;
    };
    writeFileSync(join(folder, 'hold'), '');
    const first = await start();
    for (const text of ['one', 'two', 'three']) {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ to: text === 'three' ? 'bob' : 'ada', text });
      const answer = await fetch(`http://127.0.0.1:${first.port}/api/letters`, { method: 'POST', headers, body });
      expect(answer.status).toBe(202);
    }
    await eventually(() => lines('given').length === 2, 'one message of each key to be in work', PATIENCE_MS);
    first.signal('SIGKILL');
    await first.exited;
    rmSync(join(folder, 'hold'));
    await start();
    await eventually(() => lines('sent').length >= 3, 'all to be handled', PATIENCE_MS);
    expect(lines('sent').toSorted((a, b) => a.localeCompare(b))).toEqual(['one', 'three', 'two']);
    expect(lines('sent').indexOf('one')).toBeLessThan(lines('sent').indexOf('two'));
  },
  3 * PATIENCE_MS,
);
