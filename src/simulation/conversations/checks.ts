/** What holds of a world at every time, and what of one that has healed. */
import { pickUp } from '../../broker/record.ts';
import { published } from '../../apps/conversations/messages/payload.ts';
import { promise } from '../violation.ts';
import { CONVERSATIONS, type ConversationsWorld } from './world.ts';

interface Row {
  readonly conversation: string;
  readonly sequence: number;
  readonly n: number | null;
  readonly sender: string;
  readonly client_id: string | null;
  readonly payload: string;
}

interface Place {
  readonly conversation: string;
  readonly user_id: string;
  readonly read_to: number;
  readonly read_messages: number;
  readonly delivered_to: number;
  readonly messages: number;
  readonly head: number;
  readonly appended: number;
}

/** Whatever is confirmed is stored, and what readers have is what the tables say. */
export async function checkTables(world: ConversationsWorld): Promise<void> {
  const rows = await world.tables.query<Row>(`select conversation, sequence, message as n, sender, client_id, payload
    from conversations.events order by conversation, sequence`);
  for (const id of CONVERSATIONS) checkNumbers(rows.filter(({ conversation }) => conversation === id));
  checkConfirmed(world, rows);
  for (const id of CONVERSATIONS)
    checkTold(
      world,
      id,
      rows.filter(({ conversation }) => conversation === id),
    );
  await checkPlaces(world, rows);
}

function checkNumbers(rows: readonly Row[]): void {
  const once = new Set<string>();
  let messages = 0;
  for (const [at, { sequence, n, sender, client_id: clientId, conversation }] of rows.entries()) {
    if (n !== null) messages += 1;
    promise(
      sequence === at + 1 && (n === null || n === messages),
      'the numbering has no holes and no doubles',
      () => `${conversation} has ${sequence} with number ${n} at ${at + 1}`,
    );
    const key = `${sender} ${clientId}`;
    promise(!once.has(key), 'a message is stored once', () => `${conversation} has ${key} twice`);
    once.add(key);
  }
}

function checkConfirmed({ confirmedMessages }: ConversationsWorld, rows: readonly Row[]): void {
  for (const { conversation, sender, clientId, content, sequence, n } of confirmedMessages) {
    const row = rows.find((it) => it.conversation === conversation && it.sequence === sequence);
    promise(
      row?.sender === sender && row.client_id === clientId && row.n === n && row.payload.includes(content),
      'what is confirmed is stored where it was said to be',
      () => `${sender} was told ${conversation} ${sequence} for ${clientId}, which is ${JSON.stringify(row)}`,
    );
  }
}

/** The log and the readers hold nothing but what the table has at the same place. */
function checkTold(world: ConversationsWorld, id: string, rows: readonly Row[]): void {
  const topic = `conversation.${id}`;
  const inTable = new Map(
    rows.map(({ sequence, payload, n }) => [sequence, JSON.stringify(published(payload, n))] as const),
  );
  for (const [sequence, payload] of world.told.get(topic) ?? [])
    promise(
      inTable.get(sequence) === payload,
      'readers are told what is stored',
      () => `${topic} ${sequence}: readers have ${payload}, the table ${inTable.get(sequence)}`,
    );
  for (const [sequence, record] of world.logOf(topic).records)
    promise(
      inTable.get(sequence) === pickUp(record).payload,
      'the log has what is stored',
      () => `${topic} ${sequence}: the log has ${pickUp(record).payload}, the table ${inTable.get(sequence)}`,
    );
}

/** The number of unread messages is arithmetic, and the same as by counting. */
async function checkPlaces({ tables }: ConversationsWorld, rows: readonly Row[]): Promise<void> {
  const places =
    await tables.query<Place>(`select member.conversation, user_id, read_to, read_messages, delivered_to, messages,
      head, appended
    from conversations.members as member
    join conversations.conversations as talk on talk.tenant = member.tenant and talk.id = member.conversation`);
  for (const place of places) {
    const messages = rows.filter(({ conversation, n }) => conversation === place.conversation && n !== null);
    const counted = messages.filter(({ sequence }) => sequence > place.read_to).length;
    promise(
      place.messages - place.read_messages === counted && place.delivered_to >= place.read_to,
      'what is unread is what is counted',
      () => `${JSON.stringify(place)}: ${counted} are counted`,
    );
  }
}

/** Everybody is where the table is, and nothing waits to be told. */
export async function checkHealed(world: ConversationsWorld): Promise<void> {
  await checkTables(world);
  const heads = await world.tables.query<{ id: string; head: number; appended: number }>(
    'select id, head, appended from conversations.conversations',
  );
  for (const { id, head, appended } of heads) {
    const topic = `conversation.${id}`;
    promise(
      appended === head,
      'what is stored comes to the log',
      () => `${topic} is appended up to ${appended} of ${head}`,
    );
    const log = world.logOf(topic);
    promise(
      head === 0 || (log.top === head && log.epoch === `epoch-${topic}`),
      'the log has the numbers of the table',
      () => `${topic} ends with ${log.epoch} ${log.top} in the log and ${head} in the table`,
    );
    for (const { name, topics, places } of world.clients)
      promise(
        !topics.includes(topic) || (places.get(topic)?.sequence ?? 0) === head,
        'everybody is at the head in the end',
        () => `${name} has ${topic} up to ${places.get(topic)?.sequence} of ${head}`,
      );
  }
}
