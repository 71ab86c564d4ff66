/**
 * Half a minute of the chaos suite (`make chaos` runs it for ten): real nodes, Redis with a replica and Sentinel, nginx, and
 * links that are cut, as far as this machine allows; what it skips it says in a line of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { builtLauncher } from './harness/built-server.ts';
import { COMPILED } from './harness/process.ts';

const PROGRAM = fileURLToPath(new URL('../bench/chaos/main.ts', import.meta.url));
/** The seed that has six different ones done soonest, none of them so short that nobody notices. */
const SLICE = [
  '--seconds=20',
  '--seed=29489',
  '--faults=node-kill,node-pause,node-clock,redis-restart,redis-lost-tail,link-redis-cut',
  '--rate=60',
];

test('nothing acknowledged is lost and nothing comes twice while nodes, Redis and links fail', async () => {
  const chaos = spawn(process.execPath, [PROGRAM, ...SLICE, `--launcher=${builtLauncher()}`], {
    env: { ...process.env, ...COMPILED, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // It ends everything that it has started.
  onTestFinished(() => void chaos.kill('SIGTERM'));
  let report = '';
  chaos.stdout.setEncoding('utf8').on('data', (text: string) => {
    report += text;
  });
  const [code] = (await once(chaos, 'close')) as [number | null];
  for (const line of report.split('\n').filter((line) => line.startsWith('skipped'))) process.stderr.write(`${line}\n`);
  // A busy machine needs longer for each, and what would begin too late is left out.
  expect(report).toMatch(/^chaos: holds; [2-6] faults; /m);
  expect(code, report).toBe(0);
}, 90_000);
