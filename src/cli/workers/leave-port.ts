/** How a worker gives up its share of the port without hurting the clients that are about to connect. */
import type { Scheduler } from '../../telemetry/clock.ts';

/** Milliseconds in which clients that were accepted last send their handshakes and are admitted, instead of getting 503. */
const SETTLE_MS = 250;

/**
 * Closing a listener resets what stands in its accept queue. So one more turn of the event loop accepts what is there,
 * and the listener is closed before anything else of that turn: right behind the accepts. A client that comes in the instant
 * between is moved to another worker by the kernel where net.ipv4.tcp_migrate_req is 1 (deploy/sysctl/).
 * @returns the milliseconds that it took
 */
export async function leavePort(listener: { close(): void }, scheduler: Scheduler): Promise<number> {
  // The first ends the turn that is under way; the second comes after the accepts of a whole one.
  await new Promise<void>((resolve) => scheduler.endOfTurn(() => scheduler.endOfTurn(resolve)));
  listener.close();
  await new Promise<void>((resolve) => void scheduler.after(SETTLE_MS, resolve));
  return SETTLE_MS;
}
