/** What ends by itself: mappings of customers who are silent, and the ways of old messages. On every node; twice is the same. */
import type { Timer } from '../../../telemetry/clock.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

const EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Rows in one statement, so that none takes long. */
const AT_ONCE = 500;

export class Upkeep {
  private readonly ports: Ports;
  private readonly timer: Timer;
  private running: Promise<void> | null = null;
  private isStopped = false;

  constructor(ports: Ports) {
    this.ports = ports;
    this.timer = ports.host.scheduler.every(EVERY_MS, () => {
      if (this.running !== null || !ports.database.isReady) return;
      this.running = ports.host
        .background('upkeep', () => this.round())
        .then(() => {
          this.running = null;
        });
    });
  }

  /** Ends what is over. */
  async round(): Promise<void> {
    while (!this.isStopped && (await this.expire()) === AT_ONCE);
    while (!this.isStopped && (await this.forget()) === AT_ONCE);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.timer.cancel();
    await this.running;
  }

  private async expire(): Promise<number> {
    const { database, host, settings, conversations } = this.ports;
    const now = host.clock.now();
    const rows = await database
      .tables<Tables>()
      .updateTable('mappings')
      .set({ status: 'expired', ended_at: new Date(now) })
      .where('status', '=', 'active')
      .where('id', 'in', (from) =>
        from
          .selectFrom('mappings')
          .select('id')
          .where('status', '=', 'active')
          .where('active_at', '<=', new Date(now - settings.idle_hours * HOUR_MS))
          .orderBy('active_at')
          .limit(AT_ONCE)
          .forUpdate()
          .skipLocked(),
      )
      .returning(['tenant', 'id'])
      .execute();
    for (const { tenant, id } of rows) await conversations.update(tenant, id, { status: 'resolved' });
    return rows.length;
  }

  private async forget(): Promise<number> {
    const { database, host, settings } = this.ports;
    const { numDeletedRows } = await database
      .tables<Tables>()
      .deleteFrom('messages')
      .where('created_at', '<', new Date(host.clock.now() - settings.keep_days * DAY_MS))
      .where('id', 'in', (from) =>
        from
          .selectFrom('messages')
          .select('id')
          .where('created_at', '<', new Date(host.clock.now() - settings.keep_days * DAY_MS))
          .orderBy('created_at')
          .limit(AT_ONCE),
      )
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }
}
