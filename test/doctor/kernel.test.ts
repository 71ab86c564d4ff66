/** What the kernel and the container allow, made small for one process: what doctor says before a start, and of a node that runs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { builtLauncher, serverCommand } from '../harness/built-server.ts';
import { findingsOf } from '../harness/patient.ts';
import { COMPILED, startProcess } from '../harness/process.ts';
import { SECRET } from '../harness/tokens.ts';
import { hostNodeVersion } from '../../src/doctor/checks/host/node-version.ts';
import { LOAD_CHECKS } from '../../src/doctor/checks/load/all.ts';

const ENVIRONMENT = { PATH: process.env['PATH'], JWT_SECRET: SECRET, ...COMPILED };

/** One check, in a shell in which something was set before. @returns what it prints */
function doctorAfter(setting: string, check: string): string {
  const words = [process.execPath, ...serverCommand(), 'doctor', '--only', check];
  const { stdout, stderr } = spawnSync('sh', ['-c', `${setting}; exec "$@"`, 'sh', ...words], { env: ENVIRONMENT });
  return `${stdout.toString()}${stderr.toString()}`;
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

test('at most 300 open files, before a start', () => {
  const out = doctorAfter('ulimit -n 300', 'host.open-files');
  expect(out).toMatch(
    /^warn {2}host\.open-files +at most 300 open files here, 10200 are needed for 10000 connections/m,
  );
  expect(out).toContain('→ ulimit -n 10200, LimitNOFILE=10200 of systemd');
});

test.skipIf(!succeeds('prlimit', '--version'))('at most 300 open files, of a node that runs', async () => {
  const node = await startProcess([], { ADMIN_TOKEN });
  execFileSync('prlimit', ['--nofile=300:300', '--pid', String(node.child.pid)]);
  const memory = LOAD_CHECKS.find(({ name }) => name === 'load.memory');
  if (memory === undefined) throw new Error('expected the check');
  expect(await findingsOf(memory, { url: `http://127.0.0.1:${node.port}` })).toMatchObject([
    { level: 'warn', says: expect.stringMatching(/at most 300 open files for 10000 connections/) as string },
  ]);
  await node.end();
});

/** A network of its own has its own limits, and nobody else feels them. */
const canUnshare = succeeds('unshare', '-n', 'true');

test.skipIf(!canUnshare)('a short queue of finished handshakes', () => {
  const setting = 'echo 128 > /proc/sys/net/core/somaxconn';
  const out = ofOwnNetwork(setting, 'host.accept-queue');
  expect(out).toMatch(/^warn {2}host\.accept-queue +somaxconn is 128, 512 are asked for/m);
  expect(out).toContain('sysctl -w net.core.somaxconn=4096');
});

test.skipIf(!canUnshare)('few local ports for a proxy on this machine', () => {
  const setting = 'echo "1024 3023" > /proc/sys/net/ipv4/ip_local_port_range';
  const out = ofOwnNetwork(setting, 'host.local-ports');
  expect(out).toMatch(/^warn {2}host\.local-ports +a proxy on this machine has 2000 local ports/m);
});

function ofOwnNetwork(setting: string, check: string): string {
  const words = [process.execPath, ...serverCommand(), 'doctor', '--only', check];
  const script = ['-n', 'sh', '-c', `${setting}; exec "$@"`, 'sh', ...words];
  return spawnSync('unshare', script, { env: ENVIRONMENT }).stdout.toString();
}

const GROUP = `/sys/fs/cgroup/memory/signalbox-test-${process.pid}`;

test.skipIf(!canMakeGroup())('a container that has less memory than connections may need', () => {
  onTestFinished(() => rmdirSync(GROUP));
  writeFileSync(`${GROUP}/memory.limit_in_bytes`, String(256 * 1_048_576));
  const out = doctorAfter(`echo $$ > ${GROUP}/cgroup.procs`, 'host.memory');
  expect(out).toMatch(
    /^warn {2}host\.memory +256 MiB of the container, \d+ MiB are needed at the worst for 10000 conn/m,
  );
});

function canMakeGroup(): boolean {
  try {
    mkdirSync(GROUP);
    return existsSync(`${GROUP}/memory.limit_in_bytes`);
  } catch {
    return false;
  }
}

const OLD_NODE = '/usr/bin/node';
const isOld = (): boolean =>
  existsSync(OLD_NODE) && Number(/^v(\d+)/.exec(execFileSync(OLD_NODE, ['--version']).toString())?.[1]) < 22;

test.skipIf(!isOld())('a Node.js of before: the package says it before anything can break', () => {
  const { status, stderr } = spawnSync(OLD_NODE, [builtLauncher(), 'doctor'], { env: ENVIRONMENT });
  expect([status, stderr.toString()]).toEqual([
    1,
    expect.stringMatching(/expected Node\.js 22\.18 or later of 22, or 24 or later, got v\d+/) as string,
  ]);
});

test('a Node.js that lacks a little', async () => {
  const { versions } = process;
  onTestFinished(() => void Object.defineProperty(process, 'versions', { value: versions }));
  const of = async (node: string): Promise<unknown> => {
    Object.defineProperty(process, 'versions', { value: { ...versions, node }, configurable: true });
    return findingsOf(hostNodeVersion, {});
  };
  for (const node of ['22.18.0', '24.1.0']) expect(await of(node)).toMatchObject([{ level: 'ok' }]);
  for (const node of ['22.17.9', '23.5.0'])
    expect(await of(node)).toMatchObject([{ level: 'fail', cure: expect.stringContaining('./signalbox') as string }]);
});
