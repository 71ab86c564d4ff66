/** What happens by itself: changes that this node did not hear of are found, and the audit loses what is too old. */
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import { Rounds } from '../rounds.ts';
import type { Registry } from './registry.ts';
import type { Settings } from './settings.ts';
import type { Tables } from './tables.ts';

const TIDY_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function upkeepOf(
  host: Pick<Host, 'scheduler' | 'background' | 'clock'>,
  { registry, database, settings }: { registry: Registry; database: Database; settings: Settings },
): readonly Rounds[] {
  const rounds = (everyMs: number, name: string, work: () => Promise<void>): Rounds =>
    new Rounds({ scheduler: host.scheduler, database, everyMs, work: () => host.background(name, work) });
  return [
    rounds(settings.cache_secs * 1_000, 'changes', () => registry.catchUp()),
    rounds(TIDY_EVERY_MS, 'old audit', () => tidy(database, host.clock.now() - settings.audit_days * DAY_MS)),
  ];
}

export async function tidy(database: Database, before: number): Promise<void> {
  await database.tables<Tables>().deleteFrom('audit').where('at', '<', new Date(before)).execute();
}
