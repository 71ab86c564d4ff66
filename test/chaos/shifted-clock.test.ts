/** The clock of a node of the chaos suite is off by what its file says, and steps with it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';

const PRELOAD = new URL('../../bench/chaos/shifted-clock.ts', import.meta.url).href;
const SCRIPT = `
  const real = () => Math.round(performance.timeOrigin + performance.now());
  setInterval(() => console.log(Math.round((Date.now() - real()) / 1000), Math.round((new Date().getTime() - real()) / 1000),
    new Date(2026, 0, 2, 3).getHours(), new Date('2026-01-02T00:00:00Z').getTime()), 20);
`;

test('is off, steps while the process runs, and dates that are named stay what they are', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-clock-'));
  const file = join(directory, 'clock');
  writeFileSync(file, '-7000');
  const child = spawn(process.execPath, [`--import=${PRELOAD}`, '-e', SCRIPT], {
    env: { ...process.env, CHAOS_CLOCK: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  const seen: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (seen.at(-1) !== line) seen.push(line);
    if (seen.length === 1) writeFileSync(file, '30000');
    if (seen.length === 2) break;
  }
  expect(seen).toEqual(['-7 -7', '30 30'].map((off) => `${off} 3 ${Date.UTC(2026, 0, 2)}`));
});
