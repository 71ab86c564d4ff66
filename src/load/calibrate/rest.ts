/** A node that does nothing, and one whose clients say nothing but the answers to its pings. */
import { setTimeout as delay } from 'node:timers/promises';
import { atRest, cpuSecondsAtRest } from '../process-figures.ts';
import { startOwnServer, type OwnServer } from './own-server.ts';
import { least, leastOf, newPeers, SLICES, type Rig } from './rig.ts';

export interface RestFigures {
  readonly idle_us: number;
  readonly idle_connection_us: number;
}

export async function measureRest(rig: Rig): Promise<RestFigures> {
  const { sizes, say } = rig;
  say('a node at rest');
  // A heartbeat every second instead of every half minute: so many more in the time that is measured.
  const server = await startOwnServer(rig, {
    'websocket.heartbeat_interval_secs': '1',
    'websocket.client_timeout_secs': '60',
  });
  try {
    const idle = await microsOfSecond(server, sizes.restSeconds);
    const peers = await newPeers(server, sizes.beating);
    const beating = await microsOfSecond(server, sizes.restSeconds);
    for (const peer of peers) peer.destroy();
    return { idle_us: idle, idle_connection_us: least(beating - idle) / sizes.beating };
  } finally {
    await server.stop();
  }
}

/** @returns µs of processor time of one second, in the part of the time when they were fewest: V8 tidies up after a start */
export async function microsOfSecond({ pid }: OwnServer, seconds: number): Promise<number> {
  await atRest(pid);
  return leastOf(SLICES, async () => {
    const before = cpuSecondsAtRest(pid);
    const started = performance.now();
    await delay((seconds * 1_000) / SLICES);
    return ((cpuSecondsAtRest(pid) - before) * 1e9) / (performance.now() - started);
  });
}
