/** One node: `signalbox serve` with a place of its own in the network, started and ended as often as need be. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BENCH_SECRET } from '../tokens.ts';
import type { NodePlace } from './network.ts';
import { freePort } from './ports.ts';
import { eventually, Program } from './processes.ts';

const SHIFTED_CLOCK = new URL('shifted-clock.ts', import.meta.url).href;
const LAUNCHER = fileURLToPath(new URL('../../signalbox', import.meta.url));

/** For a machine that has much else to do. */
const READY_WITHIN_MS = 60_000;

/** Limits out of the way, mailboxes small enough to overflow, patience as short as the run. */
const SETTINGS: Readonly<Record<string, string>> = {
  'topics.subscribe': 'user',
  'topics.publish': 'user',
  'topics.history': '100000',
  // So short that topics of patterns rest while a fault lasts.
  'topics.rest_secs': '1',
  'rate_limiting.enabled': 'false',
  'websocket.max_connections_per_user': '1000',
  'websocket.heartbeat_interval_secs': '5',
  'websocket.client_timeout_secs': '12',
  'actor_system.mailbox_capacity': '50',
  'auth.failures_per_minute': '100000',
  // Shorter than most pauses of Redis: what it carries out afterwards had its outcome told as unknown.
  'redis.command_timeout_ms': '400',
  'shutdown.grace_secs': '2',
  'logging.level': 'warn,redis=info',
};

export interface NodeSetup {
  readonly name: string;
  readonly place: NodePlace;
  readonly redisUrl: string;
  /** By how much its clock differs from the machine's. */
  readonly clockOffMs: number;
  /** Null: that of this checkout. */
  readonly launcher: string | null;
}

export class NodeProcess {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  private readonly setup: NodeSetup;
  private readonly onLog: (line: string) => void;
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-chaos-'));
  private program: Program | null = null;

  private constructor(setup: NodeSetup, port: number, onLog: (line: string) => void) {
    this.name = setup.name;
    this.address = setup.place.address;
    this.port = port;
    this.setup = setup;
    this.onLog = onLog;
    this.stepClock(0);
  }

  static async create(setup: NodeSetup, onLog: (line: string) => void): Promise<NodeProcess> {
    return new NodeProcess(setup, setup.place.port ?? (await freePort()), onLog);
  }

  get url(): string {
    return `ws://${this.address}:${this.port}/ws`;
  }

  /** Resolves when it takes clients. */
  async start(): Promise<void> {
    const settings = { ...SETTINGS, 'redis.url': this.setup.redisUrl, 'server.node_name': this.name };
    const assignments = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const where = ['--host', this.address, '--port', String(this.port)];
    const command = [...this.setup.place.prefix, this.setup.launcher ?? LAUNCHER, 'serve', ...where, ...assignments];
    const environment = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      JWT_SECRET: BENCH_SECRET,
      NODE_OPTIONS: `--import=${SHIFTED_CLOCK}`,
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      CHAOS_CLOCK: this.clockFile,
    };
    const program = new Program(command, environment, (text) => this.onLog(text));
    this.program = program;
    await eventually(
      () => {
        if (!program.isRunning) throw new Error(`${this.name} ended: ${program.output}`);
        return this.isReady();
      },
      `${this.name} to be ready`,
      READY_WITHIN_MS,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.program?.signal(name);
  }

  /** Within a tenth of a second, for so long as it is not stepped again. @param ms beside what it is off anyway */
  stepClock(ms: number): void {
    writeFileSync(this.clockFile, String(this.setup.clockOffMs + ms));
  }

  /** When it will not be started again. */
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private get clockFile(): string {
    return join(this.directory, 'clock');
  }

  async end(name: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await this.program?.end(name, READY_WITHIN_MS);
  }

  /** Whether it says that it is. */
  isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = request(
        { host: this.address, port: this.port, path: '/health/ready', timeout: 500, agent: false },
        (response) => {
          response.resume();
          resolve(response.statusCode === 200);
        },
      );
      asked.on('error', () => resolve(false));
      asked.on('timeout', () => asked.destroy());
      asked.end();
    });
  }
}
