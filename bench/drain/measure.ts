/** One run: clients under load, one of two nodes ends, and what the clients noticed. */
import { setTimeout as pause } from 'node:timers/promises';
import { userTokens } from '../tokens.ts';
import { clientLibrary, type PeerName } from './clients.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { Crowd, type CrowdWindow } from './crowd.ts';
import { Load } from './load.ts';
import type { DrainBenchOptions, Fault } from './options.ts';
import { Processors, type Busy } from './processor.ts';
import { machineMs, type Delivery } from './reader-record.ts';

interface Phase extends CrowdWindow {
  readonly busy: Busy;
}

export interface Outcome {
  readonly peer: PeerName;
  readonly fault: Fault;
  /** The name of the node that ended. */
  readonly ended: string;
  /** From the signal to the end of the node. */
  readonly endedAfterMs: number;
  /** While nothing happened. */
  readonly before: Phase;
  /** From the signal on. */
  readonly during: Phase;
  readonly deliveries: readonly Delivery[];
  readonly published: number;
  /** Why publishes were refused for good, once each. */
  readonly refusals: readonly string[];
}

/** Not one user a client, or the limits of a user would be those of all of them. */
const PUBLISHERS = 8;
/** A client that comes back only after the node has ended was silent because of the fault. */
const AFTERWARDS_MS = 8_000;
/** A node that is told to end may take its grace period. */
const END_WITHIN_MS = 40_000;
const PATIENCE_MS = 15_000;

export async function measure(peer: PeerName, fault: Fault, options: DrainBenchOptions): Promise<Outcome> {
  const cluster = await startCluster(peer);
  try {
    return await run(peer, fault, cluster, options);
  } finally {
    await cluster.stop();
  }
}

async function run(peer: PeerName, fault: Fault, cluster: Cluster, options: DrainBenchOptions): Promise<Outcome> {
  const { rooms, intervalMs, seconds, clients, processes } = options;
  const [ending, staying] = cluster.nodes;
  const url = cluster.proxy.url.replace(/\/ws$/, '');
  const crowd = await Crowd.open({ peer, url, clients, rooms, processes });
  const load = new Load(await clientLibrary(peer), {
    rooms,
    intervalMs,
    url: `ws://127.0.0.1:${staying.port}`,
    tokens: await userTokens(PUBLISHERS, 'publisher'),
  });
  const pids = new Map([
    [`node ${ending.name}`, ending.program.pid],
    [`node ${staying.name}`, staying.program.pid],
    ['nginx', cluster.proxy.pid],
    ['Redis', cluster.redis.pid],
    ['publishers', process.pid],
    ...crowd.pids.map((pid, at): [string, number] => [`clients ${at + 1}`, pid]),
  ]);
  // The first seconds belong to compilers.
  await pause(seconds * 1_000);
  await crowd.window();
  const processors = new Processors(pids);
  await pause(seconds * 1_000);
  const before = { ...(await crowd.window()), busy: processors.take() };
  const startedAt = machineMs();
  await ending.program.end(fault === 'drain' ? 'SIGTERM' : 'SIGKILL', END_WITHIN_MS);
  const endedAfterMs = machineMs() - startedAt;
  await pause(AFTERWARDS_MS);
  const during = { ...(await crowd.window()), busy: processors.take() };
  await load.stop();
  const deliveries = await crowd.end({ published: load.published, refused: load.refused }, PATIENCE_MS);
  await crowd.close();
  const published = load.published.reduce((sum, count) => sum + count, 0);
  return {
    peer,
    fault,
    ended: ending.name,
    endedAfterMs,
    before,
    during,
    deliveries,
    published,
    refusals: load.refusals,
  };
}
