/** A Redis of the benchmark's own, on a free port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

const START_TRIES = 3;

export class RedisProcess {
  readonly port: number;
  private readonly settings: readonly string[];
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  private child: ChildProcess | null = null;

  private constructor(port: number, settings: readonly string[]) {
    this.port = port;
    this.settings = settings;
  }

  /** @param settings as on the command line; by default nothing is kept on disk */
  static async start(settings: readonly string[] = ['--appendonly', 'no']): Promise<RedisProcess> {
    for (let left = START_TRIES; ; left -= 1) {
      const redis = new RedisProcess(await freePort(), settings);
      redis.spawn();
      try {
        await redis.answering();
        return redis;
      } catch (error) {
        await redis.end();
        // Another process may have taken the port meanwhile.
        if (left === 1) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  spawn(): void {
    const fixed = ['--bind', '127.0.0.1', '--save', '', '--port', String(this.port), '--dir', this.directory];
    this.child = spawn('redis-server', [...fixed, ...this.settings], { stdio: 'ignore' });
  }

  /** Resolves with the moment (performance.now) at which it answered first. @throws when its process has ended */
  async answering(): Promise<number> {
    for (;;) {
      if (this.child === null || this.child.exitCode !== null)
        throw new Error(`expected a Redis on port ${this.port}, but redis-server has ended or cannot be started`);
      const client = new Redis({
        port: this.port,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
        lazyConnect: true,
      });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.ping();
        return performance.now();
      } catch {
        await new Promise((resolve) => {
          setTimeout(resolve, 2);
        });
      } finally {
        client.disconnect();
      }
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
