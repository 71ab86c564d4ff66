/** Two nodes of a peer on one Redis, behind nginx with the configuration of deploy/. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startNginx, type Proxy } from '../chaos/nginx.ts';
import { eventually, Program } from '../chaos/processes.ts';
import { RedisProcess } from '../redis/redis-process.ts';
import { BENCH_SECRET } from '../tokens.ts';
import type { PeerName } from './clients.ts';

interface PeerNode {
  readonly name: string;
  readonly program: Program;
  readonly port: number;
}

export interface Cluster {
  readonly redis: RedisProcess;
  /** The first one ends in the middle of the run. */
  readonly nodes: readonly [PeerNode, PeerNode];
  readonly proxy: Proxy;
  stop(): Promise<void>;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const READY_WITHIN_MS = 30_000;
const PORT = /"port":(\d+).*"message":"Serving"|^port (\d+)$/m;
/** Every client takes two of nginx's, and a second pair while it moves. */
const PROXY_CONNECTIONS = 10_000;

/** Why a peer cannot be run here; null when it can. */
export function missing(peer: PeerName): string | null {
  if (peer === 'signalbox' || existsSync(here('../peers/node_modules/socket.io-client'))) return null;
  return 'bench/peers is not installed: node scripts/npm-install.mjs --prefix bench/peers';
}

export async function startCluster(peer: PeerName): Promise<Cluster> {
  const redis = await RedisProcess.start();
  const ending: (() => Promise<void>)[] = [() => redis.end()];
  const stop = async (): Promise<void> => {
    for (const end of ending.toReversed()) await end();
  };
  try {
    const programs = ['ending', 'staying'].map((name) => ({ name, program: nodeProgram(peer, name, redis.url) }));
    ending.push(async () => {
      await Promise.all(programs.map(({ program }) => program.end('SIGKILL')));
    });
    const [first, second] = await Promise.all(programs.map((node) => serving(node)));
    if (first === undefined || second === undefined) throw new Error('expected two nodes');
    const addresses = [first, second].map(({ port }) => `127.0.0.1:${port}`);
    const proxy = await startNginx(addresses, PROXY_CONNECTIONS);
    if (proxy === null) throw new Error('expected nginx in front of the nodes (Debian package nginx)');
    ending.push(() => proxy.stop());
    return { redis, nodes: [first, second], proxy, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As shipped, but that everybody may read and write, and that limits are on and out of the way: Socket.IO has none. */
function nodeProgram(peer: PeerName, name: string, redisUrl: string): Program {
  if (peer === 'socket.io') return new Program([process.execPath, here('../peers/socket-io-node.mjs'), redisUrl, name]);
  const settings = {
    'server.node_name': name,
    'server.trusted_proxies': '127.0.0.1',
    'redis.url': redisUrl,
    'topics.subscribe': 'user',
    'topics.publish': 'user',
    'rate_limiting.connection_rps': '10000',
    'rate_limiting.connection_burst': '100000',
    'rate_limiting.user_rps': '10000',
    'rate_limiting.user_burst': '100000',
  };
  const assignments = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const serve = [here('../../signalbox'), 'serve', '--host', '127.0.0.1', '--port', '0', ...assignments];
  return new Program(serve, { ...process.env, JWT_SECRET: BENCH_SECRET });
}

async function serving({ name, program }: Omit<PeerNode, 'port'>): Promise<PeerNode> {
  let port = 0;
  await eventually(
    () => {
      if (!program.isRunning) throw new Error(`node ${name} ended: ${program.output}`);
      const match = PORT.exec(program.output);
      port = Number(match?.[1] ?? match?.[2] ?? 0);
      return port > 0;
    },
    `node ${name} to serve`,
    READY_WITHIN_MS,
  );
  return { name, program, port };
}
