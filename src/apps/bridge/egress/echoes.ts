/**
 * Own echoes: Genesys tells its webhook of what was injected, too. They are known by memory, the ids of rows and those that
 * Genesys answered, and never by how an id looks: any UUID may be a real message.
 */
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import type { DeskMessage } from '../transforms/message.ts';

/** Behind the id of a row, for further parts and late files. */
const SUFFIX = /\.(?:\d+|file)(?:\.\d+)?$/;

export async function isEcho(
  { database }: Pick<Ports, 'database'>,
  tenant: string,
  { id, channelId }: Pick<DeskMessage, 'id' | 'channelId'>,
): Promise<boolean> {
  const ids = [id, channelId].filter((one) => one !== undefined);
  const rows = ids.map((one) => one.replace(SUFFIX, ''));
  const known = await database
    .tables<Tables>()
    .selectFrom('messages')
    .select('id')
    .where('tenant', '=', tenant)
    .where('direction', '=', 'in')
    .where((is) => is.or([is('id', 'in', rows), is('desk_id', 'in', ids)]))
    .limit(1)
    .executeTakeFirst();
  return known !== undefined;
}
