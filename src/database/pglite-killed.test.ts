/** A folder holds whatever was committed to it after its process was killed, at any moment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { pgliteFolder } from '../../test/harness/pglite-folder.ts';
import { systemScheduler as scheduler } from '../telemetry/system-clock.ts';
import { openPGlite } from './pglite-driver.ts';

const LIMITS = { waitMs: 5_000, maxWaiting: 10 };
const AT_LEAST = 200;
/** Inserts one row after the other, each a transaction of its own, and says its number after the commit. */
const WRITER = `
const { openPGlite } = await import(${JSON.stringify(new URL('./pglite-driver.ts', import.meta.url).href)});
const { systemScheduler } = await import(${JSON.stringify(new URL('../telemetry/system-clock.ts', import.meta.url).href)});
const driver = await openPGlite({ folder: process.argv[1], ...${JSON.stringify(LIMITS)} }, systemScheduler);
const session = await driver.acquire();
await session.script('create table rows (id int primary key)');
for (let id = 1; ; id += 1) {
  await session.query('insert into rows values ($1)', [id]);
  process.stdout.write(id + '\\n');
}`;

test('a process that is killed in the middle has kept every row that it has told of, and the folder is free', async () => {
  const folder = await pgliteFolder();
  const writer = spawn(process.execPath, ['--input-type=module', '--eval', WRITER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(writer, 'exit');
  let told = 0;
  for await (const line of createInterface({ input: writer.stdout })) {
    told = Number(line);
    if (told === AT_LEAST) writer.kill('SIGKILL');
  }
  await exited;
  expect(told).toBeGreaterThanOrEqual(AT_LEAST);
  const driver = await openPGlite({ folder, ...LIMITS }, scheduler);
  const session = await driver.acquire();
  const { rows } = await session.query('select count(*)::int as count, max(id)::int as newest from rows', []);
  session.release();
  await driver.stop();
  const { count, newest } = rows[0] ?? {};
  expect(count).toBe(newest);
  // One more may have been committed and not told.
  expect(newest).toBeGreaterThanOrEqual(told);
});
