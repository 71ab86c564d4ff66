/** The Redis that a calibration uses, and what it says of itself: one of its own, or one that was named. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_TRIES = 500;
const LOOK_MS = 10;
const OWN_PREFIX = 'signalbox';
const ANSWER_MS = 5_000;

export interface RedisUsage {
  readonly version: string;
  readonly memoryBytes: number;
  readonly cpuMicros: number;
  readonly inBytes: number;
  readonly outBytes: number;
  /** This answer, which the next one counts among `outBytes`. */
  readonly answerBytes: number;
}

export interface RedisServer {
  readonly url: string;
  /** What keys begin with: the default, unless somebody else may have keys there. */
  readonly prefix: string;
  usage(): Promise<RedisUsage>;
  stop(): Promise<void>;
}

/** @returns null where there is no redis-server on the path */
export async function startOwnRedis(): Promise<RedisServer | null> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-calibrate-'));
  const port = await freePort();
  const argv = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', directory];
  const child = spawn('redis-server', argv, { stdio: 'ignore' });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const end = async (): Promise<void> => {
    process.off('exit', kill);
    await stopped(child);
    rmSync(directory, { recursive: true, force: true });
  };
  const failed = new Promise<null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', () => resolve(null));
  });
  const url = `redis://127.0.0.1:${port}`;
  const answering = Promise.race([failed, untilAnswering(url)]);
  if ((await answering) !== null) return { url, prefix: OWN_PREFIX, usage: () => usageOf(url), stop: end };
  await end();
  return null;
}

/** @throws Error when it does not answer, or is none that one connection can ask */
export async function namedRedis(url: string): Promise<RedisServer> {
  if (!url.startsWith('redis://'))
    throw new Error(`expected --redis like redis://host:6379 (one server, without TLS), got ${JSON.stringify(url)}`);
  await usageOf(url);
  return {
    url,
    prefix: `${OWN_PREFIX}-calibrate-${process.pid}`,
    usage: () => usageOf(url),
    stop: () => Promise.resolve(),
  };
}

async function untilAnswering(url: string): Promise<RedisUsage | null> {
  for (let tries = 0; tries < START_TRIES; tries += 1) {
    const usage = await usageOf(url).catch(() => null);
    if (usage !== null) return usage;
    await delay(LOOK_MS);
  }
  return null;
}

/** By one question on a connection of its own: the client library belongs to the nodes. */
async function usageOf(address: string): Promise<RedisUsage> {
  const url = new URL(address);
  const login = url.password === '' ? [] : [`AUTH ${url.username === '' ? 'default' : url.username} ${url.password}`];
  const text = await answerOf(url, [...login, 'INFO', 'QUIT']);
  const number = (name: string): number => {
    const found = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text);
    if (found === null)
      throw new Error(`expected ${name} in the INFO of ${url.host}, got ${JSON.stringify(text.slice(0, 200))}`);
    return Number(found[1]);
  };
  return {
    version: /^redis_version:(\S+)/m.exec(text)?.[1] ?? 'unknown',
    memoryBytes: number('used_memory'),
    cpuMicros: (number('used_cpu_user') + number('used_cpu_sys')) * 1e6,
    inBytes: number('total_net_input_bytes'),
    outBytes: number('total_net_output_bytes'),
    answerBytes: text.length,
  };
}

function answerOf(url: URL, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: url.hostname, port: Number(url.port || 6379), timeout: ANSWER_MS });
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${lines.join('\r\n')}\r\n`));
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('timeout', () => socket.destroy(new Error(`expected an answer of the Redis at ${url.host}, got none`)));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
