/** What is done from time to time, on every node: two that do it at once do no harm. */
import type { Timer } from '../../../telemetry/clock.ts';
import type { Ports } from '../ports.ts';
import { blankDeleted } from './people.ts';
import { deleteOldAudit } from './audit.ts';
import { deleteOld } from './retention.ts';

const EVERY_MS = 3_600_000;

export class Jobs {
  private readonly ports: Ports;
  private readonly timer: Timer;
  private round: Promise<void> | null = null;
  private isOver = false;

  constructor(ports: Ports) {
    this.ports = ports;
    this.timer = ports.host.scheduler.every(EVERY_MS, () => this.begin());
    ports.database.onReady(() => this.begin());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.timer.cancel();
    await this.round;
  }

  private begin(): void {
    if (this.isOver || !this.ports.database.isReady) return;
    this.round ??= this.run().finally(() => (this.round = null));
  }

  private async run(): Promise<void> {
    const { host } = this.ports;
    const isOver = (): boolean => this.isOver;
    // One that fails keeps none of the others from its work, and the next round tries again.
    await host.background('messaging: retention', async () => {
      const pieces = await deleteOld(this.ports, isOver);
      if (pieces > 0) host.log.info('Old messages deleted', { pieces });
    });
    await host.background('messaging: deleted users', async () => {
      const users = await blankDeleted(this.ports, isOver);
      if (users > 0) host.log.info('Messages of deleted users blanked', { users });
    });
    await host.background('messaging: audit', async () => {
      const rows = await deleteOldAudit(this.ports, isOver);
      if (rows > 0) host.log.info('Old rows of the audit deleted', { rows });
    });
  }
}
