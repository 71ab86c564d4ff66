/** Removes uploads that nothing names: announced and never sent, sent and never used, or let go of by what named them. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counter, Host } from '../host-api.ts';
import { Rounds } from '../rounds.ts';
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
  private readonly rounds: Rounds;

  constructor(ports: CleaningPorts, removed: Counter) {
    this.ports = ports;
    this.removed = removed;
    const { host, database, settings } = ports;
    this.rounds = new Rounds({
      scheduler: host.scheduler,
      database,
      everyMs: settings.clean_secs * 1_000,
      work: (isOver) => host.background('unused uploads', () => this.clean(isOver)),
    });
  }

  /** A round, or that which is under way. */
  run(): Promise<void> {
    return this.rounds.begin();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async clean(isOver: () => boolean): Promise<void> {
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
        if (orphans.length < BATCH || isOver()) break;
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
