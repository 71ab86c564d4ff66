/** How each fault is done to the cluster, and put right again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import type { LinkName } from './network.ts';
import type { NodeProcess } from './node-process.ts';
import type { FaultName, FaultCase } from './schedule.ts';

interface Stage {
  readonly cluster: Cluster;
  readonly node: NodeProcess;
  readonly at: number;
  readonly lasts: number;
  /** Told when nothing stands in the service's way any more, though something may still have to be put right. */
  readonly healed: () => void;
}

/** With what clocks differ anyway, still inside the leeway of tokens. */
const CLOCK_STEP_MS = 30_000;

type Fault = (stage: Stage) => Promise<void>;

/** Resolves when everything is as it was. @param healed see {@link Stage.healed} */
export async function perform(cluster: Cluster, fault: FaultCase, healed: () => void): Promise<void> {
  const node = cluster.nodes[fault.node] as NodeProcess;
  await HOW[fault.name]({ cluster, node, at: fault.node, lasts: fault.lasts, healed });
}

const HOW: Readonly<Record<FaultName, Fault>> = {
  'node-kill': async ({ node, lasts, healed }) => {
    await node.end('SIGKILL');
    await pause(lasts);
    await node.start();
    healed();
  },
  'node-pause': async ({ node, lasts, healed }) => {
    node.signal('SIGSTOP');
    await pause(lasts);
    node.signal('SIGCONT');
    healed();
  },
  'node-clock': async ({ node, lasts, healed }) => {
    node.stepClock(lasts % 2 === 0 ? CLOCK_STEP_MS : -CLOCK_STEP_MS);
    await pause(lasts);
    node.stepClock(0);
    healed();
  },
  'node-roll': async ({ cluster, healed }) => {
    for (const node of cluster.nodes) {
      await node.end('SIGTERM');
      await node.start();
    }
    healed();
  },
  'redis-restart': async ({ cluster, lasts, healed }) => {
    const { primary } = await cluster.redis.roles();
    await primary.kill();
    await pause(lasts);
    await primary.start(null);
    healed();
    await cluster.redis.isWhole();
  },
  'redis-pause': async ({ cluster, lasts, healed }) => {
    const { primary } = await cluster.redis.roles();
    primary.signal('SIGSTOP');
    await pause(lasts);
    primary.signal('SIGCONT');
    healed();
    await cluster.redis.isWhole();
  },
  'redis-two-primaries': async ({ cluster, lasts, healed }) => {
    const { primary } = await cluster.redis.roles();
    primary.signal('SIGSTOP');
    try {
      await Promise.all([pause(lasts), cluster.redis.untilPromoted(primary)]);
    } finally {
      primary.signal('SIGCONT');
    }
    healed();
    // Sentinel tells the old one after some seconds; until then it takes writes.
    await cluster.redis.isWhole();
  },
  'redis-failover': ({ cluster, lasts, healed }) => failover(cluster, lasts, healed),
  'redis-lost-tail': async ({ cluster, lasts, healed }) => {
    const { replica } = await cluster.redis.roles();
    // Nobody listens on this port: the replica goes on alone, and Sentinel needs longer than this to put it right.
    await replica.client.replicaof('127.0.0.1', 1);
    await pause(500);
    await failover(cluster, lasts, healed);
  },
  'redis-switch': async ({ cluster, lasts, healed }) => {
    const { primary } = await cluster.redis.roles();
    await cluster.redis.switchOver();
    await cluster.redis.untilPromoted(primary);
    healed();
    await pause(lasts);
    await cluster.redis.isWhole();
  },
  'redis-empty': async ({ cluster, lasts, healed }) => {
    const { primary } = await cluster.redis.roles();
    await primary.kill();
    primary.forget();
    await pause(lasts);
    await primary.start(null);
    healed();
    await cluster.redis.isWhole();
  },
  // One byte is less than what is there already.
  'redis-full': (stage) => setting(stage, 'maxmemory', '1', '0'),
  'redis-policy': (stage) => setting(stage, 'maxmemory-policy', 'allkeys-lru', 'noeviction'),
  'replica-restart': async ({ cluster, lasts, healed }) => {
    const { primary, replica } = await cluster.redis.roles();
    await replica.kill();
    await pause(lasts);
    await replica.start(primary);
    healed();
    await cluster.redis.isWhole();
  },
  'link-redis-cut': (stage) => cut(stage, 'redis'),
  'link-clients-cut': (stage) => cut(stage, 'clients'),
  'link-redis-slow': (stage) => slow(stage, 'redis'),
  'link-clients-slow': (stage) => slow(stage, 'clients'),
};

/** Sets something at the primary, and back again at the server that it was set at. */
async function setting({ cluster, lasts, healed }: Stage, name: string, value: string, before: string): Promise<void> {
  const { primary } = await cluster.redis.roles();
  await primary.client.config('SET', name, value);
  try {
    await pause(lasts);
  } finally {
    await primary.client.config('SET', name, before);
  }
  healed();
}

async function failover(cluster: Cluster, lasts: number, healed: () => void): Promise<void> {
  const { primary } = await cluster.redis.roles();
  await primary.kill();
  const promoted = cluster.redis.untilPromoted(primary).then(healed);
  await Promise.all([pause(lasts), promoted]);
  const { primary: successor } = await cluster.redis.roles();
  await primary.start(successor);
  await cluster.redis.isWhole();
}

async function cut({ cluster, at, lasts, healed }: Stage, link: LinkName): Promise<void> {
  cluster.network.cut(at, link);
  await pause(lasts);
  cluster.network.heal(at, link);
  healed();
}

async function slow({ cluster, at, lasts, healed }: Stage, link: LinkName): Promise<void> {
  cluster.network.slow(at, link);
  await pause(lasts);
  cluster.network.heal(at, link);
  healed();
}
