/** The server that a calibration measures: a node of this checkout or package as a process of its own, on a port that was free. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../main.ts', import.meta.url));
/** As this process was started itself: the launcher chooses flags of V8. */
export const OWN_COMMAND: readonly string[] = [process.execPath, ...process.execArgv, PROGRAM];
const START_MS = 60_000;
const STOP_MS = 3_000;
export const CALIBRATION_SECRET = 'a secret for calibrations only, of 32 bytes or more';

/** Limits are on and out of the way: every frame pays for its charge. */
const BOUNDLESS: Readonly<Record<string, string>> = {
  'server.host': '127.0.0.1',
  'server.port': '0',
  'logging.level': 'info',
  'rate_limiting.connection_rps': '1e9',
  'rate_limiting.connection_burst': '1000000000',
  'rate_limiting.user_rps': '1e9',
  'rate_limiting.user_burst': '1000000000',
  'rate_limiting.global_rps': '1e9',
  'rate_limiting.global_burst': '1000000000',
  'websocket.max_connections': '100000',
  'websocket.max_connections_per_user': '100000',
  'websocket.accepts_per_second': '1000000',
  'topics.max_topics': '1000000',
  'topics.max_topics_per_user': '1000000',
  'topics.subscribe': 'user',
  'topics.publish': 'user',
};

export interface OwnServer {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** @param command starts the command line of Signalbox. @throws Error when it ends, or does not serve in time, with what it said */
export async function startOwnServer(
  { command }: { readonly command: readonly string[] },
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnServer> {
  const flags = Object.entries({ ...BOUNDLESS, ...settings }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const [program = '', ...argv] = command;
  const child = spawn(program, [...argv, 'serve', ...flags], {
    env: { ...process.env, JWT_SECRET: CALIBRATION_SECRET },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  try {
    const port = await servingPort(child);
    return { pid: child.pid as number, port, stop: () => stop(child) };
  } catch (error) {
    kill();
    throw error;
  }
}

function servingPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string): void =>
      reject(new Error(`expected the server to be measured to start, ${why}: ${said}`));
    const timer = setTimeout(() => fail('it did not'), START_MS);
    const hear = (chunk: Buffer): void => {
      if (!timer.hasRef()) return;
      said += chunk.toString();
      const line = said.split('\n').find((it) => it.includes('"message":"Serving"'));
      const port = line === undefined ? undefined : /"port":(\d+)/.exec(line)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      timer.unref();
      resolve(Number(port));
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`it ended with ${code}`));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
