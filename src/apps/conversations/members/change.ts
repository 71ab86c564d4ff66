/**
 * A change of a conversation or of its members: one transaction under the conversation's lock, whose events get the next
 * numbers of its topic, as messages do. Afterwards they are appended to the log, where the relay puts what a killed node
 * has left out, and what members were allowed before ends on all nodes.
 */
import type { Transaction } from 'kysely';
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { liveTopicOf, topicOf } from '../topic.ts';
import { follow } from '../positions/following.ts';
import { tellNotices, type Notice } from './notices.ts';
import { findMember, unknownConversation, type ConversationRow, type MemberRow } from './standing.ts';

/** Users whose rights are asked anew by name; for more of them those of all on the topic are. */
const ONE_BY_ONE = 5;

/** A conversation whose row nobody else writes now. */
export interface Locked {
  readonly tables: Transaction<Tables>;
  readonly conversation: ConversationRow;
  /** By the clock of the database, never before the newest event. */
  readonly now: Date;
  /** Sequence of the first event of this change. */
  readonly next: number;
  /** Of who asks; `null` for a backend. */
  readonly me: MemberRow | null;
  readonly member: (user: string) => Promise<MemberRow | null>;
  /** The users that have come in by this change: their connections follow the conversation when it is committed. */
  readonly joined: string[];
}

export interface EventDraft {
  readonly payload: Readonly<Record<string, JsonValue>>;
  readonly isMessage?: boolean;
  /** The message that it changes: what it says goes when that is deleted. */
  readonly about?: number;
}

export interface Change<Answer> {
  readonly answer: Answer;
  readonly events?: readonly EventDraft[];
  /** Events up to here say something else in the table now, so the log gives its own words up. */
  readonly withdrawn?: number;
  /** Whose rights are others now. */
  readonly rightsOf?: readonly string[];
  /** Beside the events, which their users may not hear. */
  readonly notices?: readonly Notice[];
}

interface Stored extends EventDraft {
  readonly sequence: number;
  readonly message: number | null;
}

interface Done<Answer> extends Change<Answer> {
  readonly epoch: string;
  readonly at: Date;
  readonly stored: readonly Stored[];
  readonly joined: readonly string[];
}

export async function changing<Answer>(
  ports: Ports,
  actor: Actor,
  id: string,
  work: (locked: Locked) => Promise<Change<Answer> | Refusal>,
): Promise<Answer | Refusal> {
  const done = await ports.database.transaction<Tables, Done<Answer> | Refusal>(async (tables) => {
    const locked = await lock(ports, tables, actor, id);
    if (locked === null) return unknownConversation(ports, id);
    const change = await work(locked);
    if (ports.host.isRefusal(change)) return change;
    const stored = await storeEvents(locked, actor, change);
    return { ...change, epoch: locked.conversation.epoch, at: locked.now, stored, joined: locked.joined };
  });
  if (ports.host.isRefusal(done)) return done;
  await announce(ports, actor, id, done);
  return done.answer;
}

async function lock(
  { database }: Ports,
  tables: Transaction<Tables>,
  { tenant, user }: Actor,
  id: string,
): Promise<Locked | null> {
  const row = await tables
    .selectFrom('conversations')
    .selectAll()
    .select(database.sql<Date>`greatest(clock_timestamp(), changed_at)`.as('now'))
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  const { now, ...conversation } = row;
  const member = (whose: string): Promise<MemberRow | null> => findMember(tables, { tenant, id, user: whose });
  return { tables, conversation, now, next: conversation.head + 1, me: await member(user), member, joined: [] };
}

async function storeEvents(
  { tables, conversation, now, next }: Locked,
  { user }: Actor,
  { events = [], notices = [] }: Pick<Change<unknown>, 'events' | 'notices'>,
): Promise<readonly Stored[]> {
  if (events.length === 0) return [];
  const { tenant, id } = conversation;
  let { messages, last_message: last, last_message_at: lastAt } = conversation;
  const stored = events.map((event, at) => {
    const sequence = next + at;
    if (event.isMessage !== true) return { ...event, sequence, message: null };
    messages += 1;
    last = sequence;
    lastAt = now;
    return { ...event, sequence, message: messages };
  });
  await tables
    .insertInto('events')
    .values(
      stored.map(({ sequence, message, payload, about = null }) => ({
        tenant,
        conversation: id,
        sequence,
        message,
        sender: user,
        payload: JSON.stringify(payload),
        sent_at: now,
        about,
        // With the first one, for the relay of another node.
        notices: sequence === next && notices.length > 0 ? JSON.stringify(notices) : null,
      })),
    )
    .execute();
  await tables
    .updateTable('conversations')
    .set({ head: next + events.length - 1, messages, changed_at: now, last_message: last, last_message_at: lastAt })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
  return stored;
}

/** The committed change is true, whether or not everybody hears of it at once: a log that is away is filled by the relay. */
async function announce(ports: Ports, { tenant, user }: Actor, id: string, done: Done<unknown>): Promise<void> {
  const { host } = ports;
  const { epoch, at, stored, joined, rightsOf = [], notices = [] } = done;
  const topic = topicOf(id);
  // Before anybody hears of it; the relay does it again, for a node that is killed here.
  if (done.withdrawn !== undefined) await host.withdraw(topic, done.withdrawn, tenant);
  for (const { sequence, message, payload } of stored) {
    const publication = {
      tenant,
      from: user,
      payload: message === null ? payload : { ...payload, n: message },
      at: { epoch, sequence },
      timestamp: at.getTime(),
    };
    const answer = await host.publish(topic, publication);
    if (host.isRefusal(answer)) host.log.warn('An event waits for the relay', { topic, because: answer.reason });
  }
  await Promise.all([
    ...[topic, liveTopicOf(id)].flatMap((name) =>
      rightsOf.length > ONE_BY_ONE
        ? [host.rightsChanged({ tenant, topic: name })]
        : rightsOf.map((whose) => host.rightsChanged({ user: { tenant, user: whose }, topic: name })),
    ),
    ...(stored[0] === undefined
      ? []
      : [tellNotices({ host }, { tenant, from: user, key: `${id}.${stored[0].sequence}` }, notices)]),
  ]);
  // Behind the change of rights: a connection that was told no a moment ago may follow now.
  await follow(ports.host, tenant, joined, id);
}
