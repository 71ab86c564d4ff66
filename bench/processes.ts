/** Runs a server as a process of its own on one core, and reads what it costs from the operating system. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { pause } from './pause.ts';

export { cpuSecondsAtRest, residentBytes } from '../src/load/process-figures.ts';

/** Kernel clock ticks per second, the unit of /proc/<pid>/stat; 100 on every Linux that Node.js runs on. */
const TICKS = 100;
/** Eight nodes that start beside each other share two cores. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 3_000;
const PROBE_MS = 20;
/** The share of one core that a server under load should have had, and how much longer it may take for that. */
const ENOUGH = 0.6;
const PATIENCE = 4;
/** The server's core. The generator pins itself to another one (the Makefile does it). */
const SERVER_CORE = 0;

export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What a line on standard output says when the server is ready, with the port as first group. */
  readonly ready?: RegExp;
  /** The port it was told to listen on, for servers that say nothing: ready when it accepts. */
  readonly port?: number;
  /** The processor to run on; default: the server's. */
  readonly core?: number;
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/** Starts a server and waits until it accepts connections. @throws when it ends or says nothing */
export async function start({ argv, env = {}, ready, port, core = SERVER_CORE }: Command): Promise<ServerProcess> {
  const child = spawn('taskset', ['-c', String(core), ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', ready === undefined ? 'ignore' : 'pipe', 'inherit'],
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  try {
    const open = await (ready === undefined ? untilAccepting(child, port ?? 0) : readPort(child, ready));
    return { pid: child.pid as number, port: open, stop: () => stop(child) };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Seconds of processor time that a process has used so far, in user and kernel mode. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/**
 * Lets a server work for so many seconds; longer, up to a factor, until it has had that much processor time.
 * Otherwise a busy machine would measure it while V8 still compiles it.
 */
export async function work(pid: number, seconds: number): Promise<void> {
  const started = performance.now();
  const cpu = cpuSeconds(pid);
  await pause(seconds);
  while (cpuSeconds(pid) - cpu < seconds * ENOUGH && performance.now() - started < seconds * PATIENCE * 1_000)
    await pause(PROBE_MS / 1_000);
}

/** A port that was free a moment ago, for servers that cannot choose one themselves. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

function readPort(child: ChildProcess, ready: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`the server did not get ready: ${text}`)), START_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      if (timer.hasRef() && text.length < 65_536) text += chunk.toString();
      const port = ready.exec(text)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

async function untilAccepting(child: ChildProcess, port: number): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (await accepts(port)) return port;
    await pause(PROBE_MS / 1_000);
  }
  throw new Error(`the server does not accept connections on port ${port}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
