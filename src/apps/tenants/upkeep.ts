/** What happens by itself: changes that this node did not hear of are found, and the audit loses what is too old. */
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import type { Registry } from './registry.ts';
import type { Settings } from './settings.ts';
import type { Tables } from './tables.ts';

const TIDY_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function keepUp(
  host: Pick<Host, 'scheduler' | 'background' | 'clock'>,
  { registry, database, settings }: { registry: Registry; database: Database; settings: Settings },
): { stop(): void } {
  const { scheduler } = host;
  const looking = scheduler.every(settings.cache_secs * 1_000, () => {
    void host.background('changes', () => registry.catchUp());
  });
  const tidying = scheduler.every(TIDY_EVERY_MS, () => {
    void host.background('old audit', () => tidy(database, host.clock.now() - settings.audit_days * DAY_MS));
  });
  return {
    stop: () => {
      looking.cancel();
      tidying.cancel();
    },
  };
}

export async function tidy(database: Database, before: number): Promise<void> {
  await database.tables<Tables>().deleteFrom('audit').where('at', '<', new Date(before)).execute();
}
