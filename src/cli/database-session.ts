/** One session of the database that the configuration names, for a verb. */
import type { Config } from '../config/schema.ts';
import type { Session } from '../database/driver.ts';
import { unfitness } from '../database/fitness.ts';
import { openDriver } from './node/database.ts';

/** Examined as a node would: a server that is too old or a replica is told before anything is done in it. */
export async function inDatabase<T>(config: Config, work: (session: Session) => Promise<T>): Promise<T> {
  const driver = await openDriver(config, 'signalbox-database');
  try {
    const session = await driver.acquire();
    try {
      const unfit = await unfitness(session);
      if (unfit !== null) throw new Error(unfit);
      return await work(session);
    } finally {
      session.release();
    }
  } finally {
    await driver.stop();
  }
}
