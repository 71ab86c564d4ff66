/** Redis, three nodes and the proxy. */
import { loopback, namespaces, type Network } from './network.ts';
import { startNginx, type Proxy } from './nginx.ts';
import { NodeProcess } from './node-process.ts';
import { RedisService } from './redis.ts';

export interface Cluster {
  readonly network: Network;
  readonly redis: RedisService;
  readonly nodes: readonly NodeProcess[];
  /** WebSocket addresses; the proxy's as often as all others together. */
  readonly doors: readonly string[];
  stop(): Promise<void>;
}

/** By how much the clocks of the nodes differ from the machine's, and so from that of Redis: inside the leeway of tokens. */
const CLOCKS_OFF_MS = [0, 7_000, -7_000] as const;

/**
 * @param launcher what starts a node; null: that of this checkout
 * @param onLog gets what the nodes log
 */
export async function startCluster(
  count: number,
  launcher: string | null,
  onLog: (node: string, text: string) => void,
): Promise<Cluster> {
  const network = namespaces(count) ?? loopback(count);
  const ending: (() => Promise<void> | void)[] = [() => network.remove()];
  const stop = async (): Promise<void> => {
    for (const end of ending.toReversed()) await end();
  };
  try {
    const redis = await RedisService.start(network.redisAddress);
    ending.push(() => redis.stop());
    const nodes = await Promise.all(
      network.places.map((place, at) => {
        const name = `node-${at}`;
        const setup = { name, place, redisUrl: redis.url, clockOffMs: CLOCKS_OFF_MS[at] ?? 0, launcher };
        return NodeProcess.create(setup, (text) => onLog(name, text));
      }),
    );
    ending.push(async () => {
      await Promise.all(nodes.map((node) => node.end('SIGKILL')));
      for (const node of nodes) node.remove();
    });
    await Promise.all(nodes.map((node) => node.start()));
    const proxy = await startNginx(nodes.map(({ address, port }) => `${address}:${port}`));
    if (proxy !== null) ending.push(() => proxy.stop());
    return { network, redis, nodes, doors: doorsOf(nodes, proxy), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function doorsOf(nodes: readonly NodeProcess[], proxy: Proxy | null): string[] {
  const direct = nodes.map(({ url }) => url);
  return proxy === null ? direct : [...direct, ...direct.map(() => proxy.url)];
}
