/** The end of a node: the connections are told to leave, then its parts end in the order in which they need each other. */
import type { RunningApps } from '../../apps/run.ts';
import type { Config } from '../../config/schema.ts';
import type { Node } from '../../node/node.ts';
import type { Pulse } from '../../node/pulse.ts';
import type { LoadWatch } from '../../telemetry/load-watch.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import type { Queues } from '../../queue/queues.ts';
import type { Upkeep } from '../../presence/upkeep.ts';
import type { PresenceService } from '../../service/presence-service.ts';
import type { SocketIo } from '../../dialects/socketio/socketio.ts';
import type { Server } from '../../transport/server.ts';
import type { Storage } from '../storage/storage.ts';
import type { NodeDatabase } from './database.ts';
import { leavePort } from '../workers/leave-port.ts';

export interface StopOptions {
  /** Milliseconds for the connections to leave, instead of `shutdown.grace_secs`. */
  readonly graceMs?: number;
  /** Others listen on the port: newcomers are theirs from the beginning. */
  readonly listenerFirst?: boolean;
}

interface Ending {
  readonly node: Node;
  readonly storage: Storage;
  readonly pulse: Pulse;
  readonly load: LoadWatch;
  readonly upkeep: Upkeep | null;
  readonly socketIo: SocketIo | null;
  readonly servers: Server;
  readonly apps: RunningApps;
  readonly database: NodeDatabase | null;
  readonly queues: Queues | null;
}

/** For the ends of applications when the connections took all of the time. */
const LEAST_MS = 1_000;
const SETTLE_STEP_MS = 10;

export async function stopNode(
  { shutdown }: Config,
  { node, storage, pulse, load, upkeep, socketIo, servers, apps, database, queues }: Ending,
  { graceMs = shutdown.grace_secs * 1_000, listenerFirst = false }: StopOptions = {},
): Promise<void> {
  // Alone, the listener stays until the end: clients that come now get 503 with Retry-After, and readiness says why.
  const startedAt = clock.elapsed();
  const spentMs = listenerFirst ? await leavePort(servers, scheduler) : 0;
  await node.drain({ graceMs: graceMs - spentMs, closesPerSecond: shutdown.closes_per_second });
  if (!listenerFirst) servers.close();
  // Those who were let in nowhere.
  socketIo?.end();
  pulse.end();
  load.stop();
  const leftMs = (): number => Math.max(LEAST_MS, graceMs - (clock.elapsed() - startedAt));
  // Handlers use what the applications have.
  await queues?.quiet(leftMs());
  // While there is something to store in, and other nodes can be told.
  await apps.stop(leftMs());
  await queues?.stop();
  await database?.stop();
  upkeep?.stop();
  await settlePresence(node.parts.context.presence);
  await storage.stop();
  // Clients of HTTP keep their connections: those would keep a process alive that goes on without the node.
  servers.end();
}

/** Changes that wait are told: clients that have just left a topic are not to be there until the lease is over. */
async function settlePresence(service: PresenceService | null): Promise<void> {
  if (service === null) return;
  service.presence.flush();
  const deadline = clock.elapsed() + LEAST_MS;
  while (service.presence.isBusy && clock.elapsed() < deadline)
    await new Promise<void>((resolve) => scheduler.after(SETTLE_STEP_MS, resolve));
}
