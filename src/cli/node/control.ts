/** How a node joins those that operators reach together. */
import type { Config } from '../../config/schema.ts';
import type { Operations } from '../../node/operations.ts';
import { systemClock as clock } from '../../telemetry/system-clock.ts';
import { reachableHost } from '../reachable-host.ts';
import type { Storage } from '../storage/storage.ts';
import { version } from '../version.ts';
import type { Core } from './core.ts';

/**
 * Before the first client can come: what was decided for all nodes holds for this one too.
 * @param port where the node listens, once it does
 */
export async function joinControl(
  config: Config,
  { node, mode, authenticator }: Core,
  operations: Operations,
  { bus, hasEarlierOrders }: Storage,
  port: () => number,
): Promise<void> {
  mode.send({ type: 'STARTED' });
  if (hasEarlierOrders && !config.redis.start_without_orders) {
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
