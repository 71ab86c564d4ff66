/** Workers of a parent on a Redis that they share, and the views of the parent. */
import { Admin, ADMIN_TOKEN } from './admin.ts';
import { eventually } from './deadline.ts';
import { startProcess, type ServerProcess } from './process.ts';
import type { RedisServer } from './redis-server.ts';

/** Starting processes takes its time on a machine that has other things to do. */
export const SLOW_MS = 40_000;
let lastPrefix = 0;

interface WorkerReport {
  readonly name: string;
  readonly pid: number | null;
  readonly state: string;
  readonly restarts: number;
  readonly connections: number;
}

export class WorkerService {
  readonly process: ServerProcess;
  readonly admin: Admin;
  /** Of its keys in Redis. */
  readonly prefix: string;

  constructor(process: ServerProcess, adminPort: number, prefix: string) {
    this.process = process;
    this.prefix = prefix;
    this.admin = new Admin(adminPort);
  }

  get port(): number {
    return this.process.port;
  }

  async workers(): Promise<readonly WorkerReport[]> {
    return (await this.admin.get('/health')).body['workers'] as readonly WorkerReport[];
  }

  async worker(name: string): Promise<WorkerReport> {
    return (await this.workers()).find((it) => it.name === name) as WorkerReport;
  }

  /** Lines of `/metrics` that begin with the name, each as the sum of its series. */
  async metric(name: string, query = ''): Promise<number> {
    const text = await (await fetch(`${this.admin.url}/metrics${query}`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
      Number(value),
    );
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** Ends a worker as a crash does, and resolves when another process serves in its place. */
  async crash(name: string): Promise<void> {
    const { pid, restarts } = await this.worker(name);
    process.kill(pid ?? 0, 'SIGKILL');
    await eventually(
      async () => {
        const now = await this.worker(name);
        return now.restarts === restarts + 1 && now.state === 'serving';
      },
      `${name} to be replaced`,
      SLOW_MS,
    );
  }
}

/** Two workers. */
export async function startWorkers(
  redis: RedisServer,
  settings: Readonly<Record<string, string>> = {},
): Promise<WorkerService> {
  lastPrefix += 1;
  const prefix = `workers${lastPrefix}`;
  const all = {
    'redis.url': redis.url,
    'redis.prefix': prefix,
    'server.node_name': 'web',
    'admin.port': '0',
    'admin.console': 'true',
    'rate_limiting.enabled': 'false',
    'websocket.max_connections_per_user': '1000',
    ...settings,
  };
  const sets = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const server = await startProcess(['--workers', '2', ...sets], { ADMIN_TOKEN });
  const [, adminPort] = /"admin_port":(\d+)/.exec(server.output) ?? [];
  return new WorkerService(server, Number(adminPort), prefix);
}
