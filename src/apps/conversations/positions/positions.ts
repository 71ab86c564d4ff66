/**
 * How far members have read, and how far messages have come to them. A position moves forward only, and who looks on is told
 * once: of a repetition, or of an older place, nobody hears.
 */
import type { Refusal } from '../../../protocol/errors.ts';
import { readableBy, findMember, unknownConversation } from '../members/standing.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { tellLive } from './live.ts';
import type { PositionPorts } from './ports.ts';

export interface PlaceInput {
  readonly conversation: string;
  /** A sequence of the conversation; without, its newest message. */
  readonly to?: number | undefined;
}

export interface ReadPosition {
  readonly conversation: string;
  readonly readTo: number;
  readonly unread: number;
  /** Whether this call moved it. */
  readonly hasMoved: boolean;
}

export interface DeliveredPosition {
  readonly conversation: string;
  readonly deliveredTo: number;
  readonly hasMoved: boolean;
}

export interface MemberPosition {
  readonly user: string;
  readonly readTo: number;
  readonly deliveredTo: number;
}

export interface PositionsPage {
  readonly conversation: string;
  readonly positions: readonly MemberPosition[];
  readonly next: string | null;
}

/** Members in one answer. */
const PAGE = 200;

/** Reading is delivery, too. */
export async function markRead(
  ports: PositionPorts,
  actor: Actor,
  { conversation, to }: PlaceInput,
): Promise<ReadPosition | Refusal> {
  const { tenant, user } = actor;
  const moved = await ports.mover.put({ tenant, conversation, user, to: to ?? null, isRead: true });
  if (moved === null) return unknownConversation(ports, conversation);
  const { readTo, unread, hasMoved } = moved;
  if (hasMoved) await tellLive(ports, actor, conversation, { event: 'read', user, to: readTo });
  return { conversation, readTo, unread, hasMoved };
}

export async function markDelivered(
  ports: PositionPorts,
  actor: Actor,
  { conversation, to }: PlaceInput,
): Promise<DeliveredPosition | Refusal> {
  const { tenant, user } = actor;
  const moved = await ports.mover.put({ tenant, conversation, user, to: to ?? null, isRead: false });
  if (moved === null) return unknownConversation(ports, conversation);
  const { deliveredTo, hasMoved } = moved;
  if (hasMoved) await tellLive(ports, actor, conversation, { event: 'delivered', user, to: deliveredTo });
  return { conversation, deliveredTo, hasMoved };
}

/** Of the active members, by their ids: what the states of messages are made of (status.ts). */
export async function memberPositions(
  ports: Ports,
  { tenant, user }: Actor,
  { conversation, after = '' }: { readonly conversation: string; readonly after?: string | undefined },
): Promise<PositionsPage | Refusal> {
  const tables = ports.database.tables<Tables>();
  const me = await findMember(tables, { tenant, id: conversation, user });
  if (me?.status !== 'active' || readableBy(me) === null) return unknownConversation(ports, conversation);
  const rows = await tables
    .selectFrom('members')
    .select(['user_id as user', 'read_to as readTo', 'delivered_to as deliveredTo'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', conversation)
    .where('user_id', '>', after)
    .where('status', '=', 'active')
    .orderBy('user_id')
    .limit(PAGE + 1)
    .execute();
  const positions = rows.slice(0, PAGE);
  return { conversation, positions, next: rows.length > PAGE ? (positions.at(-1)?.user ?? null) : null };
}

/** Of all active members, where one page has them; `null` for more of them, and for readers who have gone. */
export async function knownPositions(
  ports: Ports,
  actor: Actor,
  conversation: string,
): Promise<readonly MemberPosition[] | null> {
  const page = await memberPositions(ports, actor, { conversation });
  return ports.host.isRefusal(page) || page.next !== null ? null : page.positions;
}
