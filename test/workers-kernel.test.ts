/**
 * Workers where the kernel does what deploy/sysctl/ asks of it: with net.ipv4.tcp_migrate_req nobody is reset while they
 * are replaced. A network namespace has the setting of its own, so the rest of the machine keeps what it has.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const SETTING = '/proc/sys/net/ipv4/tcp_migrate_req';
const TEST_MS = 120_000;
const INSIDE = `ip link set lo up && echo 1 > ${SETTING} && exec "$@"`;
const TESTS = 'SIGHUP replaces|who stands in the queue';

const skipped =
  process.getuid?.() === 0 ? (existsSync(SETTING) ? null : 'the kernel has no tcp_migrate_req') : 'not root';
if (skipped !== null) process.stdout.write(`skipped: workers with tcp_migrate_req in a namespace (${skipped})\n`);

test.skipIf(skipped !== null)('nobody is reset while workers are replaced, or end', { timeout: TEST_MS }, async () => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-kernel-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'report.json');
  const tests = [process.execPath, vitest, 'run', 'test/workers-restarts.test.ts', '-t', TESTS];
  // A run of its own inside the namespace: Redis, the workers and who knocks at them see no other network.
  const options = { env: { ...process.env, VITEST_JSON: file }, timeout: TEST_MS - 10_000 };
  const inside = promisify(execFile)('unshare', ['--net', 'sh', '-c', INSIDE, 'sh', ...tests], options);
  const { stdout, stderr } = await inside.catch((error: { stdout: string; stderr: string }) => error);
  expect(existsSync(file), `${stdout}${stderr}`).toBe(true);
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const results = report.testResults.flatMap((file) => file.assertionResults);
  expect(results.flatMap(({ failureMessages }) => failureMessages)).toEqual([]);
  expect(results.filter(({ status }) => status === 'passed')).toHaveLength(TESTS.split('|').length);
});

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly failureMessages: readonly string[] }[];
  }[];
}
