/** Counts logins by account and by address, for all nodes together, whether there is such an account or not. */
import { hash } from 'node:crypto';
import type { Database } from '../../database/database.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import type { Tables } from './tables.ts';

export interface ThrottleLimits {
  readonly perAccount: number;
  readonly perAddress: number;
  readonly windowMs: number;
}

export class Throttle {
  private readonly database: Database;
  private readonly limits: ThrottleLimits;

  constructor(database: Database, limits: ThrottleLimits) {
    this.database = database;
    this.limits = limits;
  }

  /** Counts a login before its password is looked at, so that many at once are counted too. @returns why it may not be tried */
  async attempt(email: string, network: string, now: number): Promise<Refusal | null> {
    const { perAccount, perAddress } = this.limits;
    return (
      (await this.count(`address ${network}`, perAddress, now)) ??
      (await this.count(`account ${email}`, perAccount, now))
    );
  }

  /** A good login: what was tried before it was its owner. */
  async succeeded(email: string): Promise<void> {
    const key = keyOf(`account ${email}`);
    await this.database.tables<Tables>().deleteFrom('attempts').where('key', '=', key).execute();
  }

  private async count(what: string, limit: number, now: number): Promise<Refusal | null> {
    const { sql } = this.database;
    const [at, until] = [new Date(now), new Date(now + this.limits.windowMs)];
    const { rows } = await sql<{ tries: number; until: Date }>`
      insert into accounts.attempts as known (key, tries, until) values (${keyOf(what)}, 1, ${until})
      on conflict (key) do update set
        tries = case when known.until <= ${at} then 1 else known.tries + 1 end,
        until = case when known.until <= ${at} then excluded.until else known.until end
      returning tries, until`.execute(this.database.tables());
    const [row] = rows;
    if (row === undefined || row.tries <= limit) return null;
    const [kind] = what.split(' ');
    const message = `expected at most ${limit} logins ${kind === 'address' ? 'from this address' : 'to this account'} in a while`;
    return refusal('rate_limited', message, Math.max(1, row.until.getTime() - now));
  }
}

/** No address and no e-mail of strangers is kept. */
function keyOf(what: string): string {
  return hash('sha256', what, 'base64url');
}
