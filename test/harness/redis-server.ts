/** A real Redis of the test's own: on a free port, without files to keep, ended by its own id at the latest with the test file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually, within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import { CLUSTER_BUS, freePort } from './free-port.ts';

const running = new Set<RedisServer>();
endings.add(() => {
  for (const server of running) server.end();
  running.clear();
});

export class RedisServer {
  readonly port: number;
  private readonly program: string;
  private readonly settings: readonly string[];
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-redis-'));
  private child: ChildProcess | null = null;
  private client: Redis | null = null;

  constructor(port: number, settings: readonly string[], program = 'redis-server') {
    this.port = port;
    this.settings = settings;
    this.program = program;
    running.add(this);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** A connection of the test's own, to look at the data and to change settings. */
  get redis(): Redis {
    this.client ??= quietClient(this.port);
    return this.client;
  }

  /** Resolves when it answers. Again after {@link kill}: with the data that it had saved. */
  async start(): Promise<this> {
    const child = spawn(this.program, [...this.settings, '--port', String(this.port), '--dir', this.directory], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await within(
      Promise.race([
        eventually(() => isAnswering(this.port), 'Redis to answer'),
        once(child, 'exit').then(() => {
          throw new Error(`redis ended: ${output.slice(-1_000)}`);
        }),
      ]),
      `redis on port ${this.port}`,
    );
    return this;
  }

  /** As a crash does: nothing is saved. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await within(exited, 'Redis to end');
  }

  /** Stops answering, with its connections open. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  end(): void {
    running.delete(this);
    this.client?.disconnect();
    this.child?.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** No files, nothing evicted, replicas served at once. */
const PLAIN = [
  '--bind',
  '127.0.0.1',
  '--save',
  '',
  '--appendonly',
  'no',
  '--maxmemory-policy',
  'noeviction',
  '--repl-diskless-sync-delay',
  '0',
];

/** @param settings more of them, as on the command line */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  return new RedisServer(await freePort(), [...PLAIN, ...settings]).start();
}

/** One that forgets nothing when it is killed. */
export async function startDurableRedis(): Promise<RedisServer> {
  return startRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
}

/** Resolves when the replica has everything and its primary counts it. */
export async function startReplica(primary: RedisServer): Promise<RedisServer> {
  const replica = await startRedis(['--replicaof', `127.0.0.1 ${primary.port}`]);
  await eventually(
    async () => /^slave\d+:.*state=online/m.test(await primary.redis.info('replication')),
    'the replica to be online',
  );
  return replica;
}

/** Watches a primary and promotes its replica about a second after it has gone. */
export async function startSentinel(primary: RedisServer, name = 'main'): Promise<RedisServer> {
  const port = await freePort();
  const file = join(mkdtempSync(join(tmpdir(), 'signalbox-sentinel-')), 'sentinel.conf');
  const settings = [
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${name} 400`,
    `sentinel failover-timeout ${name} 3000`,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  return new RedisServer(port, [file], 'redis-sentinel').start();
}

/** Three primaries that share the slots. */
export async function startCluster(): Promise<RedisServer[]> {
  const servers: RedisServer[] = [];
  while (servers.length < 3) {
    const port = await freePort([CLUSTER_BUS]);
    const settings = [...PLAIN, '--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
    servers.push(await new RedisServer(port, settings).start());
  }
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`);
  const child = spawn('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-yes'], { stdio: 'ignore' });
  await within(once(child, 'exit'), 'the cluster to be made');
  await eventually(async () => {
    const infos = await Promise.all(servers.map(({ redis }) => redis.cluster('INFO')));
    const lists = (await Promise.all(servers.map(({ redis }) => redis.cluster('NODES')))) as string[];
    // Connected to each other too: before that, messages for subscribers of other servers are lost.
    const isJoined = lists.every(
      (list) => list.match(/ connected /g)?.length === servers.length && !list.includes('handshake'),
    );
    return isJoined && infos.every((info) => info.includes('cluster_state:ok'));
  }, 'the cluster to be up');
  return servers;
}

async function isAnswering(port: number): Promise<boolean> {
  const client = quietClient(port, 0);
  try {
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

function quietClient(port: number, retries = 20): Redis {
  const retryStrategy = retries === 0 ? (): null => null : (): number => 20;
  const client = new Redis({
    port,
    host: '127.0.0.1',
    retryStrategy,
    maxRetriesPerRequest: retries,
    connectTimeout: 500,
  });
  client.on('error', () => {});
  return client;
}
