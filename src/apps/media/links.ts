/** Links of our own that end: a client that has one may hand over, or read, one upload until then. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../../database/database.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Tables } from './tables.ts';

export const SIGNED = '/apps/media/signed';
export const FILES = '/apps/media/files';

export type LinkMethod = 'PUT' | 'GET';

export interface Link {
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** The name of the row with the secret, which all nodes share. */
const KEY = 'links';

export class Links {
  private readonly database: Database;
  private readonly clock: Clock;
  private readonly base: string;
  private secret: Promise<Buffer> | null = null;

  /** @param base what goes before paths: the address of the server, or nothing */
  constructor(database: Database, clock: Clock, base: string) {
    this.database = database;
    this.clock = clock;
    this.base = base;
  }

  /** The lasting URL, which needs a token. */
  lasting(id: string): string {
    return `${this.base}${FILES}/${id}`;
  }

  /** @param step seconds at whose multiples it ends: the same link for that long, so that caches know it */
  async sign(method: LinkMethod, id: string, secs: number, step = 1): Promise<Link> {
    const expires = Math.ceil((this.clock.now() / 1_000 + secs) / step) * step;
    const signature = signatureOf(await this.key(), method, id, expires);
    return { url: `${this.base}${SIGNED}/${id}?expires=${expires}&signature=${signature}`, expires: expires * 1_000 };
  }

  /** Whether a link was made here for this, and has not ended. */
  async isGood(method: LinkMethod, id: string, expires: number, signature: string): Promise<boolean> {
    const expected = Buffer.from(signatureOf(await this.key(), method, id, expires));
    const given = Buffer.from(signature);
    return (
      expected.byteLength === given.byteLength && timingSafeEqual(expected, given) && expires * 1_000 > this.clock.now()
    );
  }

  private key(): Promise<Buffer> {
    this.secret ??= this.read().catch((error: unknown) => {
      this.secret = null;
      throw error;
    });
    return this.secret;
  }

  /** Made by the first node that needs it. */
  private async read(): Promise<Buffer> {
    const tables = this.database.tables<Tables>();
    const stored = (): Promise<{ secret: string } | undefined> =>
      tables.selectFrom('keys').select('secret').where('name', '=', KEY).executeTakeFirst();
    let row = await stored();
    if (row === undefined) {
      const made = { name: KEY, secret: randomBytes(32).toString('base64') };
      await tables
        .insertInto('keys')
        .values(made)
        .onConflict((of) => of.doNothing())
        .execute();
      row = await stored();
    }
    return Buffer.from(row?.secret ?? '', 'base64');
  }
}

function signatureOf(key: Buffer, method: LinkMethod, id: string, expires: number): string {
  return createHmac('sha256', key).update(`${method}\n${id}\n${expires}`).digest('base64url');
}
