/** What is done from time to time. */
import { Rounds } from '../../rounds.ts';
import type { Ports } from '../ports.ts';
import { deleteOldAudit } from './audit.ts';
import { blankDeleted } from './people.ts';
import { deleteOld } from './retention.ts';

const EVERY_MS = 3_600_000;

export function jobsOf(ports: Ports): Rounds {
  const { host, database } = ports;
  return new Rounds({
    scheduler: host.scheduler,
    database,
    everyMs: EVERY_MS,
    work: async (isOver) => {
      // One that fails keeps none of the others from its work, and the next round tries again.
      await host.background('messaging: retention', async () => {
        const pieces = await deleteOld(ports, isOver);
        if (pieces > 0) host.log.info('Old messages deleted', { pieces });
      });
      await host.background('messaging: deleted users', async () => {
        const users = await blankDeleted(ports, isOver);
        if (users > 0) host.log.info('Messages of deleted users blanked', { users });
      });
      await host.background('messaging: audit', async () => {
        const rows = await deleteOldAudit(ports, isOver);
        if (rows > 0) host.log.info('Old rows of the audit deleted', { rows });
      });
    },
  });
}
