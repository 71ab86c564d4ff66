/** A real RabbitMQ of the test's own: its own ports, directories and names, as its own user, ended with the test file at the latest. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import { freePort } from './free-port.ts';

const PROGRAMS = '/usr/lib/rabbitmq/bin';
/** It starts a virtual machine and waits for its own parts: on a busy machine that is long. */
const START_MS = 240_000;
const [DISTRIBUTION, NAMES] = [1, 2];

/** Where its programs are, or `null`, which a line says: the tests are skipped. */
export const RABBITMQ = found();

const running = new Set<RabbitmqServer>();
endings.add(() => {
  for (const server of running) server.end();
  running.clear();
});

export class RabbitmqServer {
  readonly port: number;
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-rabbitmq-'));
  private child: ChildProcess | null = null;
  private names: ChildProcess | null = null;

  constructor(port: number) {
    this.port = port;
    running.add(this);
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}`;
  }

  /** Resolves when it takes connections. Again after {@link kill}: with what it had on its disk. */
  async start(): Promise<this> {
    const user = owner();
    chownSync(this.directory, user.uid, user.gid);
    const own = { ...user, env: this.environment(), cwd: this.directory };
    // The daemon that knows where nodes are: one of the test's own, which ends with it.
    this.names ??= spawn('epmd', ['-port', String(this.port + NAMES)], { ...own, stdio: 'ignore' });
    await eventually(() => isListening(this.port + NAMES), 'epmd to listen', START_MS);
    if (!running.has(this)) return this;
    const child = spawn(`${PROGRAMS}/rabbitmq-server`, [], {
      ...own,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output = `${output}${chunk.toString()}`.slice(-3_000)));
    await within(
      Promise.race([
        eventually(() => isListening(this.port), 'RabbitMQ to listen', START_MS),
        once(child, 'exit').then(() => {
          throw new Error(`RabbitMQ ended: ${output}`);
        }),
      ]),
      `RabbitMQ on port ${this.port}`,
      START_MS,
    );
    return this;
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const exited = once(child, 'exit');
    this.signal(child, 'SIGKILL');
    await within(exited, 'RabbitMQ to end');
  }

  /** Stops answering, with its connections open. */
  pause(): void {
    if (this.child !== null) this.signal(this.child, 'SIGSTOP');
  }

  resume(): void {
    if (this.child !== null) this.signal(this.child, 'SIGCONT');
  }

  /** What the broker itself says, with one of its own tools. */
  async ctl(...words: readonly string[]): Promise<string> {
    const own = { ...owner(), env: this.environment(), cwd: this.directory };
    // Not at once: this process has connections to the broker, and sends no heartbeat while it waits.
    const { stdout } = await promisify(execFile)(`${PROGRAMS}/rabbitmqctl`, [...words], { ...own, encoding: 'utf8' });
    return stdout;
  }

  end(): void {
    running.delete(this);
    if (this.child !== null) this.signal(this.child, 'SIGKILL');
    this.names?.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  /** The script starts the virtual machine as a child: both are a process group of this test. */
  private signal({ pid }: ChildProcess, signal: NodeJS.Signals): void {
    try {
      if (pid !== undefined) process.kill(-pid, signal);
    } catch {
      // It has ended.
    }
  }

  private environment(): Record<string, string> {
    const { directory, port } = this;
    const config = join(directory, 'rabbitmq.conf');
    const plugins = join(directory, 'plugins');
    if (!existsSync(config)) writeFileSync(config, 'disk_free_limit.absolute = 50MB\n', { mode: 0o644 });
    if (!existsSync(plugins)) writeFileSync(plugins, '[].', { mode: 0o644 });
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: directory,
      RABBITMQ_NODENAME: `test${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(port + DISTRIBUTION),
      ERL_EPMD_PORT: String(port + NAMES),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_CONF_ENV_FILE: join(directory, 'none'),
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_MNESIA_BASE: join(directory, 'data'),
      RABBITMQ_LOG_BASE: join(directory, 'logs'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: join(directory, 'pid'),
      // A test needs no eight threads that spin while they wait.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none',
    };
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const done = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** Its address is known before it runs. */
export async function makeRabbitmq(): Promise<RabbitmqServer> {
  return new RabbitmqServer(await freePort([DISTRIBUTION, NAMES]));
}

function owner(): { readonly uid: number; readonly gid: number } {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return own;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'rabbitmq'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function found(): string | null {
  if (existsSync(`${PROGRAMS}/rabbitmq-server`)) return PROGRAMS;
  process.stderr.write('RabbitMQ is not installed (make system): tests on it are skipped\n');
  return null;
}
