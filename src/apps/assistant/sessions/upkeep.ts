/** What happens by itself: a session that was deleted, and that nobody can restore any more, is erased with its messages. */
import type { Host } from '../../host-api.ts';
import { Rounds } from '../../rounds.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

const EVERY_MS = 3_600_000;
const HOUR_MS = 3_600_000;
/** The tokens of a day are counted from its answers: none of them goes before the day is over. */
const LEAST_HOURS = 24;
/** Sessions of one look. */
const PIECE = 100;

type UpkeepPorts = Pick<Ports, 'database' | 'conversations' | 'settings'> & {
  readonly host: Pick<Host, 'clock' | 'log'>;
};

export function upkeepOf(ports: UpkeepPorts, host: Pick<Host, 'background' | 'scheduler'>): Rounds {
  return new Rounds({
    scheduler: host.scheduler,
    database: ports.database,
    everyMs: EVERY_MS,
    work: (isOver) => host.background('deleted sessions', () => eraseDeleted(ports, isOver)),
  });
}

/** @returns how many sessions are gone for good */
export async function eraseDeleted(
  { database, conversations, settings, host }: UpkeepPorts,
  isOver: () => boolean = () => false,
): Promise<number> {
  const hours = Math.max(settings.restore_hours, LEAST_HOURS);
  const before = new Date(host.clock.now() - hours * HOUR_MS);
  let erased = 0;
  for (;;) {
    const rows = await database
      .tables<Tables>()
      .selectFrom('sessions')
      .select(['tenant', 'id'])
      .where('deleted_at', '<', before)
      .orderBy('deleted_at')
      .limit(PIECE)
      .execute();
    for (const { tenant, id } of rows) {
      if (isOver()) return erased;
      // The conversation first: without its session it would be nobody's.
      await conversations.erase(tenant, id);
      await database
        .tables<Tables>()
        .deleteFrom('sessions')
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('deleted_at', '<', before)
        .execute();
      erased += 1;
    }
    if (rows.length < PIECE) break;
  }
  if (erased > 0) host.log.info('Deleted sessions erased', { sessions: erased });
  return erased;
}
