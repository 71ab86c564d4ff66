/** Whether all that is sealed can be opened: a key that was left out is noticed before a message needs it. */
import type { Database } from '../../database/database.ts';
import type { Health } from '../app.ts';
import type { Host } from '../host-api.ts';
import { Rounds } from '../rounds.ts';
import { sealedBy } from './credentials.ts';
import type { SealKeys } from './sealing.ts';

const EVERY_MS = 60_000;

export class SealWatch {
  private readonly database: Database;
  private readonly keys: SealKeys | null;
  private readonly log: Host['log'];
  private readonly rounds: Rounds;
  private missing: readonly string[] = [];

  constructor(host: Pick<Host, 'scheduler' | 'background' | 'log'>, database: Database, keys: SealKeys | null) {
    this.database = database;
    this.keys = keys;
    this.log = host.log;
    const work = (): Promise<void> => host.background('seals', () => this.look());
    this.rounds = new Rounds({ scheduler: host.scheduler, database, everyMs: EVERY_MS, work });
  }

  health(): Health {
    if (this.missing.length === 0) return { status: 'healthy' };
    const names = this.missing.join(', ');
    return { status: 'degraded', detail: `credentials cannot be opened: apps.tenants.seal_keys lacks ${names}` };
  }

  async look(): Promise<void> {
    const used = Object.keys(await sealedBy(this.database));
    const missing = used.filter((id) => this.keys?.has(id) !== true);
    if (missing.length > 0 && this.missing.length === 0)
      this.log.error('Credentials cannot be opened: apps.tenants.seal_keys lacks keys', { missing });
    this.missing = missing;
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }
}
