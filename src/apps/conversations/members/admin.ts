/** What administrators read of conversations that they are no members of. Each look is written down, and each refusal. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { audit } from './audit.ts';
import { unknownConversation } from './standing.ts';
import { conversationView, membersPage, type ConversationView, type MembersPage } from './view.ts';

export interface AdminPage {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface AdminList {
  readonly conversations: readonly ConversationView[];
  readonly next: string | null;
}

export interface StoredEvent {
  readonly sequence: number;
  /** Its number among messages; `null` for another event. */
  readonly n: number | null;
  readonly from: string;
  readonly payload: JsonValue;
  readonly sentAt: string;
}

export interface EventsPage {
  readonly events: readonly StoredEvent[];
  /** The sequence after which the next page begins. */
  readonly next: number | null;
}

export interface AuditRow {
  readonly id: number;
  readonly actor: string;
  readonly action: string;
  readonly conversation: string | null;
  readonly isAllowed: boolean;
  readonly details: JsonValue;
  readonly address: string | null;
  readonly agent: string | null;
  readonly at: string;
}

const MAX_PAGE = 200;

/** One row for each call: a caller that may not is refused, and that is written down, too. */
export async function adminOnly(
  ports: Ports,
  actor: Actor,
  action: string,
  conversation: string | null,
  details?: Readonly<Record<string, JsonValue>>,
): Promise<Refusal | null> {
  const isAllowed = actor.roles.some((role) => ports.settings.admin_roles.includes(role));
  await audit(ports, actor, action, conversation, { isAllowed, ...(details !== undefined && { details }) });
  if (isAllowed) return null;
  return ports.host.refuse(
    'not_allowed',
    `expected a token with a role of admin_roles (${ports.settings.admin_roles.join(', ')})`,
  );
}

/** Of the tenant, or of one of its users, by their ids. */
export async function adminList(
  ports: Ports,
  actor: Actor,
  { after = '', limit, user }: AdminPage & { readonly user?: string | undefined },
): Promise<AdminList | Refusal> {
  const refused = await adminOnly(ports, actor, 'list', null, user === undefined ? undefined : { user });
  if (refused !== null) return refused;
  const most = pageOf(limit);
  const tables = ports.database.tables<Tables>();
  const all = tables.selectFrom('conversations').selectAll().where('tenant', '=', actor.tenant).where('id', '>', after);
  const theirs =
    user === undefined
      ? all
      : all.where('id', 'in', (of) =>
          of
            .selectFrom('members')
            .select('conversation')
            .where('tenant', '=', actor.tenant)
            .where('user_id', '=', user),
        );
  const rows = await theirs
    .orderBy('id')
    .limit(most + 1)
    .execute();
  const conversations = rows.slice(0, most).map((row) => conversationView(row, null));
  return { conversations, next: rows.length > most ? (conversations.at(-1)?.id ?? null) : null };
}

export async function adminGet(
  ports: Ports,
  actor: Actor,
  { conversation: id, after }: { readonly conversation: string; readonly after?: string | undefined },
): Promise<({ readonly conversation: ConversationView } & MembersPage) | Refusal> {
  const refused = await adminOnly(ports, actor, 'view', id);
  if (refused !== null) return refused;
  const { tenant } = actor;
  const tables = ports.database.tables<Tables>();
  const row = await tables
    .selectFrom('conversations')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return unknownConversation(ports, id);
  return { conversation: conversationView(row, null), ...(await membersPage(tables, { tenant, id, after })) };
}

/** Everything that was said and done, ascending. */
export async function adminEvents(
  ports: Ports,
  actor: Actor,
  {
    conversation: id,
    after = 0,
    limit,
  }: { readonly conversation: string; readonly after?: number | undefined; readonly limit?: number | undefined },
): Promise<EventsPage | Refusal> {
  const refused = await adminOnly(ports, actor, 'view_messages', id, { after });
  if (refused !== null) return refused;
  return (await eventsPage(ports, actor.tenant, id, after, pageOf(limit))) ?? unknownConversation(ports, id);
}

/** The same page after page, written down once. */
export async function adminExport(
  ports: Ports,
  actor: Actor,
  { conversation: id }: { readonly conversation: string },
): Promise<AsyncIterable<StoredEvent> | Refusal> {
  const refused = await adminOnly(ports, actor, 'export', id);
  if (refused !== null) return refused;
  const first = await eventsPage(ports, actor.tenant, id, 0, MAX_PAGE);
  return first === null ? unknownConversation(ports, id) : pages(ports, actor.tenant, id, first);
}

async function* pages(ports: Ports, tenant: string, id: string, first: EventsPage): AsyncGenerator<StoredEvent> {
  let page: EventsPage | null = first;
  while (page !== null) {
    yield* page.events;
    page = page.next === null ? null : await eventsPage(ports, tenant, id, page.next, MAX_PAGE);
  }
}

/** The newest first. Reading the audit is written down as well. */
export async function adminAudit(
  ports: Ports,
  actor: Actor,
  {
    before = Number.MAX_SAFE_INTEGER,
    limit,
  }: { readonly before?: number | undefined; readonly limit?: number | undefined },
): Promise<{ readonly audit: readonly AuditRow[]; readonly next: number | null } | Refusal> {
  const refused = await adminOnly(ports, actor, 'view_audit', null);
  if (refused !== null) return refused;
  const most = pageOf(limit);
  const rows = await ports.database
    .tables<Tables>()
    .selectFrom('audit')
    .selectAll()
    .where('tenant', '=', actor.tenant)
    .where('id', '<', before)
    .orderBy('id', 'desc')
    .limit(most + 1)
    .execute();
  const shown = rows.slice(0, most).map(({ id, actor: who, action, conversation, is_allowed: isAllowed, ...row }) => ({
    id,
    actor: who,
    action,
    conversation,
    isAllowed,
    details: row.details === null ? null : (JSON.parse(row.details) as JsonValue),
    address: row.address,
    agent: row.agent,
    at: row.at.toISOString(),
  }));
  return { audit: shown, next: rows.length > most ? (shown.at(-1)?.id ?? null) : null };
}

async function eventsPage(
  { database }: Ports,
  tenant: string,
  id: string,
  after: number,
  limit: number,
): Promise<EventsPage | null> {
  const tables = database.tables<Tables>();
  const rows = await tables
    .selectFrom('events')
    .select(['sequence', 'message', 'sender', 'payload', 'sent_at'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(limit + 1)
    .execute();
  if (rows.length === 0) {
    const there = await tables
      .selectFrom('conversations')
      .select('id')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst();
    if (there === undefined) return null;
  }
  const events = rows.slice(0, limit).map(({ sequence, message, sender, payload, sent_at: sentAt }) => ({
    sequence,
    n: message,
    from: sender,
    payload: JSON.parse(payload) as JsonValue,
    sentAt: sentAt.toISOString(),
  }));
  return { events, next: rows.length > limit ? (events.at(-1)?.sequence ?? null) : null };
}

function pageOf(limit = 50): number {
  return Math.max(1, Math.min(limit, MAX_PAGE));
}
