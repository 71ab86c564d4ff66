/** A primary that writes everything down before it answers, its replica, and a Sentinel that changes their places. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { eventually, Program } from './processes.ts';

const MASTER = 'chaos';
/** How long a primary may be silent before Sentinel replaces it. Short restarts and pauses stay below. */
const DOWN_AFTER_MS = 1_500;

class Server {
  readonly port: number;
  private readonly address: string;
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-chaos-redis-'));
  private program: Program | null = null;
  private connection: Redis | null = null;

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
  }

  get client(): Redis {
    this.connection ??= quietClient(this.address, this.port);
    return this.connection;
  }

  /** @param primary whose replica it is, or null */
  async start(primary: Server | null): Promise<void> {
    const settings = {
      bind: this.address,
      port: String(this.port),
      dir: this.directory,
      'protected-mode': 'no',
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
      'repl-diskless-sync-delay': '0',
      ...(primary !== null && { replicaof: `${this.address} ${primary.port}` }),
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    this.program = new Program(['redis-server', ...args]);
    await eventually(() => isAnswering(this.client), `Redis on port ${this.port} to answer`);
  }

  async kill(): Promise<void> {
    await this.program?.end('SIGKILL');
  }

  signal(name: NodeJS.Signals): void {
    this.program?.signal(name);
  }

  forget(): void {
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.directory);
  }

  remove(): void {
    this.connection?.disconnect();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export class RedisService {
  private readonly address: string;
  private readonly servers: readonly [Server, Server];
  private readonly sentinelPort: number;
  private readonly sentinelDirectory = mkdtempSync(join(tmpdir(), 'signalbox-chaos-sentinel-'));
  private sentinelProgram: Program | null = null;
  private readonly sentinel: Redis;

  private constructor(address: string, ports: readonly number[]) {
    const [one = 0, two = 0, three = 0] = ports;
    this.address = address;
    this.servers = [new Server(address, one), new Server(address, two)];
    this.sentinelPort = three;
    this.sentinel = quietClient(address, three);
  }

  static async start(address: string): Promise<RedisService> {
    const service = new RedisService(address, await Promise.all([1, 2, 3].map(() => freePort(address))));
    const [primary, replica] = service.servers;
    try {
      await primary.start(null);
      await replica.start(primary);
      service.startSentinel(primary);
      await service.isWhole();
      return service;
    } catch (error) {
      await service.stop();
      throw error;
    }
  }

  get url(): string {
    return `redis+sentinel://${this.address}:${this.sentinelPort}/${MASTER}`;
  }

  /** Whom Sentinel takes for the primary, and the other one. */
  async roles(): Promise<{ readonly primary: Server; readonly replica: Server }> {
    const answer = (await this.sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as [string, string];
    const [one, two] = this.servers;
    return Number(answer[1]) === one.port ? { primary: one, replica: two } : { primary: two, replica: one };
  }

  /** Of whom Sentinel takes for the primary; 0 when it does not answer. */
  primaryPort(): Promise<number> {
    return this.roles().then(
      ({ primary }) => primary.port,
      () => 0,
    );
  }

  /** Until Sentinel names another one. */
  async untilPromoted(before: Server): Promise<void> {
    const isPromoted = (): Promise<boolean> =>
      this.roles().then(
        ({ primary }) => primary !== before,
        () => false,
      );
    await eventually(isPromoted, 'a failover', 15_000);
  }

  async switchOver(): Promise<void> {
    await this.sentinel.call('SENTINEL', 'FAILOVER', MASTER);
  }

  /** Until the primary has a replica in step with it, and Sentinel knows of both. */
  async isWhole(): Promise<void> {
    const isWhole = (): Promise<boolean> => this.isInStep().catch(() => false);
    await eventually(isWhole, 'a primary and a replica', 30_000);
  }

  async stop(): Promise<void> {
    this.sentinel.disconnect();
    await this.sentinelProgram?.end('SIGKILL');
    for (const server of this.servers) {
      await server.kill();
      server.remove();
    }
    rmSync(this.sentinelDirectory, { recursive: true, force: true });
  }

  private async isInStep(): Promise<boolean> {
    const { primary, replica } = await this.roles();
    const [ours, theirs] = [await infoOf(primary.client), await infoOf(replica.client)];
    if (!/^role:master/m.test(ours) || !/^slave\d+:.*state=online/m.test(ours)) return false;
    if (!/^role:slave/m.test(theirs) || !/^master_link_status:up/m.test(theirs)) return false;
    const known = (await this.sentinel.call('SENTINEL', 'REPLICAS', MASTER)) as unknown[];
    return known.length === 1 && !JSON.stringify(known).includes('s_down');
  }

  private startSentinel(primary: Server): void {
    const file = join(this.sentinelDirectory, 'sentinel.conf');
    const lines = [
      `bind ${this.address}`,
      `port ${this.sentinelPort}`,
      'protected-mode no',
      `dir ${this.sentinelDirectory}`,
      `sentinel monitor ${MASTER} ${this.address} ${primary.port} 1`,
      `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${MASTER} 4000`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    this.sentinelProgram = new Program(['redis-sentinel', file]);
  }
}

async function infoOf(client: Redis): Promise<string> {
  return client.info('replication').catch(() => '');
}

async function isAnswering(client: Redis): Promise<boolean> {
  return client.ping().then(
    () => true,
    () => false,
  );
}

/** Never waits for long, and says nothing when it cannot connect. */
function quietClient(host: string, port: number): Redis {
  const client = new Redis({
    host,
    port,
    retryStrategy: () => 50,
    maxRetriesPerRequest: 1,
    commandTimeout: 1_000,
    connectTimeout: 1_000,
  });
  client.on('error', () => {});
  return client;
}
