/** What is kept of one user: given out, and taken away. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { topicOf } from '../topic.ts';
import { adminOnly, type StoredEvent } from './admin.ts';
import { changing } from './change.ts';
import { gone, isPresent } from './membership.ts';
import type { MemberRow } from './standing.ts';
import { memberView, type MemberView } from './view.ts';

export type ExportLine =
  | { readonly membership: MemberView & { readonly conversation: string } }
  | { readonly event: StoredEvent & { readonly conversation: string } };

const DAY_MS = 86_400_000;
const PAGE = 200;
/** Characters of a user's id, as frames take them. */
const MAX_USER = 256;
/** Events of one transaction. */
const PIECE = 500;

interface Person {
  readonly tenant: string;
  readonly user: string;
}

/** A user may have the own data; of another one, an administrator alone. Line after line: nothing is collected. */
export async function exportUser(
  ports: Ports,
  actor: Actor,
  { user }: { readonly user: string },
): Promise<AsyncIterable<ExportLine> | Refusal> {
  if (user.length > MAX_USER) return noUser(ports);
  const refused = user === actor.user ? null : await adminOnly(ports, actor, 'export_user', null, { user });
  return refused ?? begun(lines(ports, { tenant: actor.tenant, user }));
}

/** Its first item is read before it is answered: a database that is away is a refusal then, and not an answer that breaks off. */
async function begun<Item>(items: AsyncGenerator<Item>): Promise<AsyncIterable<Item>> {
  return goOn(await items.next(), items);
}

async function* goOn<Item>(first: IteratorResult<Item>, others: AsyncGenerator<Item>): AsyncGenerator<Item> {
  if (first.done === true) return;
  yield first.value;
  yield* others;
}

function noUser({ host }: Ports): Refusal {
  return host.refuse('invalid_field', `user: expected at most ${MAX_USER} characters`);
}

async function* lines(ports: Ports, person: Person): AsyncGenerator<ExportLine> {
  for await (const member of membershipsOf(ports, person)) {
    const { conversation } = member;
    yield { membership: { ...memberView(member), conversation } };
    yield* eventsOf(ports, person, conversation);
  }
}

async function* membershipsOf(
  { database }: Pick<Ports, 'database'>,
  { tenant, user }: Person,
): AsyncGenerator<MemberRow> {
  let after = '';
  for (;;) {
    const rows = await database
      .tables<Tables>()
      .selectFrom('members')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('user_id', '=', user)
      .where('conversation', '>', after)
      .orderBy('conversation')
      .limit(PAGE)
      .execute();
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.conversation;
  }
}

async function* eventsOf({ database }: Ports, { tenant, user }: Person, id: string): AsyncGenerator<ExportLine> {
  let after = 0;
  for (;;) {
    const rows = await database
      .tables<Tables>()
      .selectFrom('events')
      .select(['sequence', 'message', 'payload', 'sent_at'])
      .where('tenant', '=', tenant)
      .where('conversation', '=', id)
      .where('sender', '=', user)
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(PAGE)
      .execute();
    for (const { sequence, message, payload, sent_at: sentAt } of rows) {
      after = sequence;
      const kept = { sequence, n: message, from: user, payload: JSON.parse(payload) as JsonValue };
      yield { event: { conversation: id, ...kept, sentAt: sentAt.toISOString() } };
    }
    if (rows.length < PAGE) return;
  }
}

/** Takes the user out of every conversation. The words stay until `deleted_user_days` are over. */
export async function deleteUser(
  ports: Ports,
  actor: Actor,
  { user }: { readonly user: string },
): Promise<{ readonly conversations: number } | Refusal> {
  if (user.length > MAX_USER) return noUser(ports);
  const refused = await adminOnly(ports, actor, 'delete_user', null, { user });
  if (refused !== null) return refused;
  const { tenant } = actor;
  await ports.database
    .tables<Tables>()
    .insertInto('deleted_users')
    .values({ tenant, user_id: user, deleted_at: new Date(ports.host.clock.now()) })
    .onConflict((of) => of.doNothing())
    .execute();
  return { conversations: await removeEverywhere(ports, actor, { tenant, user }) };
}

async function removeEverywhere(ports: Ports, actor: Actor, { tenant, user }: Person): Promise<number> {
  let removed = 0;
  for (;;) {
    const rows = await ports.database
      .tables<Tables>()
      .selectFrom('members')
      .select('conversation')
      .where('tenant', '=', tenant)
      .where('user_id', '=', user)
      .where('status', 'in', ['active', 'pending'])
      .limit(PAGE)
      .execute();
    if (rows.length === 0) return removed;
    for (const { conversation } of rows) await removeFrom(ports, actor, user, conversation);
    removed += rows.length;
  }
}

function removeFrom(ports: Ports, actor: Actor, user: string, id: string): Promise<object | Refusal> {
  return changing<object>(ports, actor, id, async (locked) => {
    const member = await locked.member(user);
    return isPresent(member) ? gone(locked, member, 'removed', []) : { answer: {} };
  });
}

/** Finishes what a node that ended has left, and blanks the words of those whose time is over. @returns users that are done */
export async function blankDeleted(ports: Ports, isOver: () => boolean = () => false): Promise<number> {
  const now = new Date(ports.host.clock.now());
  const due = new Date(now.getTime() - ports.settings.deleted_user_days * DAY_MS);
  const tables = ports.database.tables<Tables>();
  const rows = await tables
    .selectFrom('deleted_users')
    .selectAll()
    .where('blanked_at', 'is', null)
    .orderBy('deleted_at')
    .limit(PAGE)
    .execute();
  let done = 0;
  for (const { tenant, user_id: user, deleted_at: deletedAt } of rows) {
    if (isOver()) return done;
    await removeEverywhere(ports, { tenant, user, roles: [] }, { tenant, user });
    if (deletedAt > due) continue;
    for await (const { conversation } of membershipsOf(ports, { tenant, user }))
      await blank(ports, { tenant, user }, conversation, now);
    await tables
      .updateTable('deleted_users')
      .set({ blanked_at: now })
      .where('tenant', '=', tenant)
      .where('user_id', '=', user)
      .execute();
    done += 1;
  }
  return done;
}

/** The places stay, as numbers have no holes: what was said there is gone. */
async function blank({ database, host }: Ports, { tenant, user }: Person, id: string, now: Date): Promise<void> {
  const { sql } = database;
  for (;;) {
    const { rows } = await sql<{ readonly sequence: number }>`
      update conversations.events as event
      set deleted_at = ${now}::timestamptz, payload = case
        when event.message is null
          then jsonb_build_object('event', 'edited', 'of', event.payload::jsonb->'of', 'deleted', true)
        else jsonb_strip_nulls(jsonb_build_object(
          'event', 'message', 'type', event.payload::jsonb->'type', 'parent', event.payload::jsonb->'parent',
          'thread', event.payload::jsonb->'thread', 'deleted', true
        ))
      end::text
      where event.tenant = ${tenant} and event.conversation = ${id} and event.sequence in (
        select sequence from conversations.events
        where tenant = ${tenant} and conversation = ${id} and sender = ${user} and deleted_at is null
          and (message is not null or payload::jsonb->>'event' = 'edited')
        order by sequence limit ${PIECE}
      )
      returning event.sequence`.execute(database.tables());
    if (rows.length > 0) await host.withdraw(topicOf(id), Math.max(...rows.map(({ sequence }) => sequence)), tenant);
    if (rows.length < PIECE) break;
  }
  await database
    .tables<Tables>()
    .deleteFrom('reactions')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('user_id', '=', user)
    .execute();
}
