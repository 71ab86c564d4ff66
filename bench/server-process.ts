/** Runs a server as a process of its own and reads what it costs from the operating system. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../signalbox', import.meta.url));
/** Kernel clock ticks per second, the unit of /proc/<pid>/stat; 100 on every Linux that Node.js runs on. */
const TICKS = 100;
export const BENCH_SECRET = 'a secret for benchmarks only, 32 bytes or more';

export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** Limits are on and out of the way: every frame pays for its charge. */
const SETTINGS: Readonly<Record<string, string>> = {
  'rate_limiting.connection_rps': '1e9',
  'rate_limiting.connection_burst': '1000000000',
  'rate_limiting.user_rps': '1e9',
  'rate_limiting.user_burst': '1000000000',
  'rate_limiting.global_rps': '1e9',
  'rate_limiting.global_burst': '1000000000',
  'websocket.max_connections': '100000',
  'websocket.max_connections_per_user': '100000',
  'websocket.accepts_per_second': '100000',
  'topics.subscribe': 'user',
  'topics.publish': 'user',
  'auth.query_token': 'true',
};

/** Starts `signalbox serve` on a free port. @param core the processor to run on */
export async function startServer(settings: Readonly<Record<string, string>> = {}, core = 0): Promise<ServerProcess> {
  const assignments = Object.entries({ ...SETTINGS, ...settings }).flatMap(([key, value]) => [
    '--set',
    `${key}=${value}`,
  ]);
  const argv = ['-c', String(core), LAUNCHER, 'serve', '--host', '127.0.0.1', '--port', '0', ...assignments];
  const child = spawn('taskset', argv, {
    env: { ...process.env, JWT_SECRET: BENCH_SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await readPort(child);
  return {
    pid: child.pid as number,
    port,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function readPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const port = /"message":"Serving".*/.exec(text) === null ? null : /"port":(\d+)/.exec(text);
      if (port !== null) resolve(Number(port[1]));
    });
  });
}

/** Seconds of processor time that a process has used so far, in user and kernel mode. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1_024;
}
