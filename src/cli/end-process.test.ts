import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const MUCH = 8_000_000;
const PRINTS = `
import { endProcess } from ${JSON.stringify(new URL('end-process.ts', import.meta.url).href)};
process.stdout.write('x'.repeat(${MUCH}));
process.stderr.write('printed');
await endProcess(3);
`;

test('a slow reader gets all that was printed, and the exit code', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PRINTS], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // By then a process that does not wait has ended.
  await once(child.stderr, 'data');
  let length = 0;
  child.stdout.on('data', (bytes: Buffer) => (length += bytes.byteLength));
  const [code] = (await once(child, 'close')) as [number];
  expect([length, code]).toEqual([MUCH, 3]);
});

test('a reader that is gone keeps nobody', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PRINTS], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).not.toBe(0);
});
