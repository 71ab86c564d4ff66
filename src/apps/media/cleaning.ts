/** Removes uploads that nothing names: announced and never sent, sent and never used, or let go of by what named them. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timer } from '../../telemetry/clock.ts';
import type { Counter, Host } from '../host-api.ts';
import { objectOf, type MediaPorts } from './ports.ts';
import { StorageError } from './storage.ts';
import { forgetUploads, takeOrphans } from './store.ts';

const BATCH = 100;
/** Files that are older were left by a process that ended: an upload has less time. */
const SPOOLED_MS = 2 * 3_600_000;

type CleaningPorts = Pick<MediaPorts, 'database' | 'storage' | 'settings'> & {
  readonly host: Pick<Host, 'scheduler' | 'clock' | 'background'>;
};

export class Cleaning {
  private readonly ports: CleaningPorts;
  private readonly removed: Counter;
  private readonly timer: Timer;
  private round: Promise<void> | null = null;
  private isOver = false;

  constructor(ports: CleaningPorts, removed: Counter) {
    this.ports = ports;
    this.removed = removed;
    this.timer = ports.host.scheduler.every(ports.settings.clean_secs * 1_000, () => void this.run());
    ports.database.onReady(() => void this.run());
  }

  /** A round, or that which is under way. Every node has them: two do no harm to one another. */
  run(): Promise<void> {
    if (this.isOver || !this.ports.database.isReady) return Promise.resolve();
    this.round ??= this.ports.host.background('unused uploads', () => this.clean()).finally(() => (this.round = null));
    return this.round;
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.timer.cancel();
    await this.round;
  }

  private async clean(): Promise<void> {
    const { database, storage, settings } = this.ports;
    try {
      for (;;) {
        const orphans = await takeOrphans(database, settings.orphan_hours, BATCH);
        // The object before its row: what a crash leaves between is found again.
        for (const orphan of orphans) await storage.remove(objectOf(orphan));
        await forgetUploads(
          database,
          orphans.map(({ id }) => id),
        );
        this.removed.add(orphans.length);
        if (orphans.length < BATCH || this.isOver) break;
      }
      await this.sweepSpool();
    } catch (error) {
      // The watch of the storage tells it.
      if (!(error instanceof StorageError)) throw error;
    }
  }

  private async sweepSpool(): Promise<void> {
    const { storage, host } = this.ports;
    for (const name of await readdir(storage.spoolFolder)) {
      const path = join(storage.spoolFolder, name);
      const found = await stat(path).catch(() => null);
      if (found !== null && host.clock.now() - found.mtimeMs > SPOOLED_MS) await rm(path, { force: true });
    }
  }
}
