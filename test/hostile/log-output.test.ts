/** Standard output that is full, closed, or read by nobody: the node serves on. docs/security.md, "Faults". */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { spawnWithOutput, startProcess, type LogLine, type ServerProcess } from '../harness/process.ts';
import { SECRET } from '../harness/tokens.ts';

const ENVIRONMENT = { JWT_SECRET: SECRET, LOG_LEVEL: 'trace' };
const OPEN = ['topics.subscribe=user', 'topics.publish=user', 'shutdown.grace_secs=2'].flatMap((set) => ['--set', set]);

function serveInto(output: number, port: number): ServerProcess {
  return spawnWithOutput(['serve', '--host', '127.0.0.1', '--port', String(port), ...OPEN], ENVIRONMENT, output);
}

async function untilServing(port: number): Promise<void> {
  const isUp = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  await eventually(isUp, 'the server to serve');
}

async function lostLines(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics.json`);
  const { metrics } = (await response.json()) as { metrics: Record<string, number> };
  return metrics['signalbox_log_lines_lost_total'] ?? Number.NaN;
}

/** A routed publication is a line of the log. */
async function makeNoise(client: Connection, lines: number): Promise<void> {
  await client.subscribe('chat.noise');
  for (let at = 0; at < lines; at += 1) client.send('Broadcast', { topic: 'chat.noise', payload: at });
  await client.take(lines);
}

test.skipIf(!existsSync('/dev/full'))(
  'a full disk',
  async () => {
    const port = await freePort();
    const output = openSync('/dev/full', 'w');
    const server = serveInto(output, port);
    closeSync(output);
    await untilServing(port);
    const client = await connect(port);
    await makeNoise(client, 150);
    for (let at = 0; (await lostLines(port)) === 0 && at < 200; at += 1) {
      const other = await connect(port, { user: `u${at}` });
      for (let frame = 0; frame < 150; frame += 1) other.send('Broadcast', { topic: 'chat.noise', payload: 1 });
      await other.ask('Ping', {});
      await other.close();
    }
    expect(await lostLines(port)).toBeGreaterThan(0);
    expect((await client.ask('Ping', {})).type).toBe('Pong');
    await client.close();
    expect(await server.end()).toBe(0);
    expect(server.errors).toBe('');
  },
  40_000,
);

test('a log reader that goes away', async () => {
  const server = await startProcess([], { LOG_LEVEL: 'trace' });
  const client = await connect(server.port);
  server.child.stdout?.destroy();
  await makeNoise(client, 150);
  expect((await client.ask('Ping', {})).type).toBe('Pong');
  await client.close();
  expect(await server.end()).toBe(0);
  expect(server.errors).toBe('');
});

test('a log reader that hangs: the node serves on, and tells how many lines it cost once somebody reads', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-log-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'log');
  execFileSync('mkfifo', [path]);
  // For reading and writing, so that opening it waits for nobody.
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const end = openSync(path, constants.O_WRONLY);
  const port = await freePort();
  const server = serveInto(end, port);
  closeSync(end);
  await untilServing(port);
  await makeNoise(await connect(port, { user: 'listener' }), 1);
  // 64 KiB in the pipe, 256 KiB in the node, about 250 bytes a line.
  for (let at = 0; (await lostLines(port)) === 0 && at < 200; at += 1) {
    const client = await connect(port, { user: `u${at}` });
    for (let frame = 0; frame < 150; frame += 1) client.send('Broadcast', { topic: 'chat.noise', payload: 1 });
    expect((await client.ask('Ping', {})).type).toBe('Pong');
    await client.close();
  }
  expect(await lostLines(port)).toBeGreaterThan(0);
  let text = '';
  const buffer = Buffer.alloc(65_536);
  await eventually(() => {
    text += readAvailable(pipe, buffer);
    return text.includes('Log lines were lost');
  }, 'the log to go on');
  expect(await server.end()).toBe(0);
  text += readAvailable(pipe, buffer);
  closeSync(pipe);
  const lines = text.trimEnd().split('\n');
  const parsed = lines.map((line) => JSON.parse(line) as LogLine & { lost?: number });
  expect(parsed.find(({ message }) => message.startsWith('Log lines were lost'))?.lost).toBeGreaterThan(0);
  expect(parsed.at(-1)?.message).toBe('Stopped');
});

function readAvailable(pipe: number, buffer: Buffer): string {
  let text = '';
  try {
    for (;;) text += buffer.toString('utf8', 0, readSync(pipe, buffer));
  } catch {
    return text;
  }
}
