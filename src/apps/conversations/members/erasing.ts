/** A conversation ends for good: its rows are deleted, its log is given up, and its followers are told. */
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { liveTopicOf, topicOf } from '../topic.ts';

interface Place {
  readonly tenant: string;
  readonly id: string;
}

/** Of one that is not there nothing happens. The audit stays, as it says who has seen what. */
export async function eraseConversation(ports: Pick<Ports, 'database' | 'host'>, place: Place): Promise<void> {
  const { tenant, id } = place;
  const head = await deleteRows(ports, place);
  if (head === null) return;
  const { host } = ports;
  await host.withdraw(topicOf(id), head, tenant);
  for (const topic of [topicOf(id), liveTopicOf(id)]) await host.rightsChanged({ tenant, topic });
}

/** @returns where its head was; `null`: it was not there */
function deleteRows({ database }: Pick<Ports, 'database'>, { tenant, id }: Place): Promise<number | null> {
  return database.transaction<Tables, number | null>(async (tables) => {
    const locked = await tables
      .selectFrom('conversations')
      .select('head')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (locked === undefined) return null;
    for (const table of ['reactions', 'events'] as const)
      await tables.deleteFrom(table).where('tenant', '=', tenant).where('conversation', '=', id).execute();
    // Its members go with it.
    await tables.deleteFrom('conversations').where('tenant', '=', tenant).where('id', '=', id).execute();
    return locked.head;
  });
}
