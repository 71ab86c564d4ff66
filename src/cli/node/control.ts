/** How operators reach this node and all others: the bus of their orders, and the views of every node. */
import type { Config } from '../../config/schema.ts';
import type { ControlBus } from '../../control/command.ts';
import { MemoryControlBus } from '../../control/memory.ts';
import { RedisControlBus } from '../../control/redis.ts';
import { RedisNodeViews } from '../../control/redis-views.ts';
import type { NodeViews } from '../../control/views.ts';
import type { Operations } from '../../node/operations.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';
import { reachableHost } from '../reachable-host.ts';
import type { Storage } from '../storage.ts';
import { version } from '../version.ts';
import type { Core } from './core.ts';

export interface Control {
  readonly bus: ControlBus;
  readonly views: NodeViews | null;
}

export function buildControl({ link }: Storage, logs: LogFactory): Control {
  if (link === null) return { bus: new MemoryControlBus(), views: null };
  return {
    bus: new RedisControlBus(link, clock, random, scheduler, logs.room('control')),
    views: new RedisNodeViews(link, random, scheduler),
  };
}

/**
 * Before the first client can come: what was decided for all nodes holds for this one too.
 * @param port where the node listens, once it does
 */
export async function joinControl(
  config: Config,
  { node, mode, authenticator }: Core,
  operations: Operations,
  { link }: Storage,
  bus: ControlBus,
  port: () => number,
): Promise<void> {
  mode.send({ type: 'STARTED' });
  if (link !== null && !config.redis.start_without_orders) {
    mode.send({ type: 'AWAIT_ORDERS' });
    authenticator.awaitsOrders = true;
  }
  const startedAt = clock.now();
  await bus.start(
    (command, dryRun) => operations.execute(command, dryRun),
    () => ({
      node: mode.name,
      instance: mode.instance,
      address: `${reachableHost(config.server.host)}:${port()}`,
      ordinal: ordinalOf(mode.name),
      version,
      mode: mode.mode,
      connections: node.connections.length,
      started_at: startedAt,
      seen_at: clock.now(),
    }),
    () => {
      authenticator.awaitsOrders = false;
      mode.send({ type: 'ORDERS_READ' });
    },
  );
}

/** The number at the end of a name, as a StatefulSet gives it to its pods. */
function ordinalOf(name: string): number | null {
  const [, digits] = /-(\d{1,6})$/.exec(name) ?? [];
  return digits === undefined ? null : Number(digits);
}
