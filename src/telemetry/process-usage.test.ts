import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** In a process of its own, whose descriptors are all taken. */
const PROGRAM = `
  import { execFileSync } from 'node:child_process';
  import { openSync } from 'node:fs';
  import { processUsage } from '${import.meta.resolve('./process-usage.ts')}';
  const before = processUsage();
  execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=50:']);
  let isFull = false;
  while (!isFull)
    try {
      openSync('/dev/null');
    } catch {
      isFull = true;
    }
  const { rssBytes, cpuSeconds } = processUsage();
  process.stdout.write(JSON.stringify([rssBytes === before.rssBytes, cpuSeconds >= before.cpuSeconds]));
`;

test('without a descriptor left the last figure of memory stands, and nothing throws', () => {
  const command = ['--input-type=module', '-e', PROGRAM];
  const said = execFileSync(process.execPath, command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  expect(JSON.parse(said)).toEqual([true, true]);
});
