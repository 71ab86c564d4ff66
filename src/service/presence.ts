/** Being present in topics and seeing who is: what both edges check and ask. */
import type { Principal } from '../auth/principal.ts';
import type { Reply } from '../broker/broker.ts';
import type { Applied, MembersPage } from '../presence/presence-store.ts';
import type { Coalesced } from '../presence/presence.ts';
import { membershipOf } from '../presence/presence-rules.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import type { PresenceGetFrame } from '../protocol/frames.ts';
import type { Position } from '../protocol/position.ts';
import { isAppTopic, qualify, wireName } from '../protocol/topic.ts';
import type { ServiceContext } from './context.ts';
import { askAboutPresence, askToCount, isForNow } from './presence-rights.ts';
import type { PresenceService } from './presence-service.ts';

/** A connection that is present, and its user. */
export interface Present {
  readonly id: string;
  readonly principal: Principal;
}

export interface PresentAs {
  readonly user: string;
  readonly connection?: string;
}

interface EndedPresence extends PresentAs {
  readonly topic: string;
}

/** Enters or, if it is there, changes what it says of itself. */
export function enterPresence(
  service: PresenceService,
  { id, principal }: Present,
  topic: string,
  data: string,
  answered: (answer: Applied | Refusal) => void,
): Refusal | Coalesced | null {
  const size = Buffer.byteLength(data);
  if (size > service.dataBytes)
    return refusal(
      'invalid_field',
      `data.data: expected at most ${service.dataBytes} bytes of JSON (presence.data_bytes), got ${size}`,
    );
  const as = presentAs(service, { id, principal }, topic);
  const identity = { member: as.connection ?? as.user, who: JSON.stringify(as).slice(1, -1) };
  return service.presence.enter(id, qualify(principal.tenant, topic), identity, data, answered);
}

export function presentAs(service: PresenceService, { id, principal }: Present, topic: string): PresentAs {
  return { user: principal.user, ...(isByConnection(service, topic) && { connection: id }) };
}

function isByConnection({ rules }: PresenceService, topic: string): boolean {
  return membershipOf(rules, topic) === 'connection';
}

/**
 * Ends presence that is not allowed any more, when claims or rights have changed.
 * @param isAbout which topics are looked at, as clients name them
 * @param isStill whether the connection is open, with the claims that are asked for
 * @param ended told of each topic that the client has to leave
 */
export function recheckPresence(
  context: ServiceContext,
  { id, principal }: Present,
  isAbout: (name: string) => boolean,
  isStill: () => boolean,
  ended: (as: EndedPresence) => void,
): void {
  const { presence: service } = context;
  if (service === null) return;
  for (const topic of service.presence.topicsOf(id)) {
    const name = wireName(topic);
    // Where an application has put the connection is the application's word.
    if (isAppTopic(topic) || !isAbout(name)) continue;
    askAboutPresence(context, principal, 'presence.enter', name, (problem) => {
      if (problem === null || !isStill() || !service.presence.has(id, topic)) return;
      service.presence.leave(id, topic, 'not_allowed', null);
      ended({ topic: name, ...presentAs(service, { id, principal }, name) });
    });
  }
}

interface MembersQuery {
  readonly topic: string;
  readonly limit: number;
  readonly after: string;
  readonly member: string | undefined;
}

/** What a client asks for, or why it cannot be asked. */
export function membersQuery(
  service: PresenceService | null,
  { topic = '', limit, after, user }: Pick<PresenceGetFrame, 'topic' | 'limit' | 'after' | 'user'>,
): MembersQuery | Refusal {
  if (user !== undefined && service !== null && isByConnection(service, topic))
    return refusal('invalid_field', 'data.user: expected a topic whose members are users (presence = "user")');
  return { topic, limit, after, member: user };
}

export interface MembersDetails {
  readonly topic: string;
  readonly count: number;
  readonly position: Position;
  /** Missing where only the number may be known, or there are too many. */
  readonly members?: readonly Readonly<Record<string, unknown>>[];
  readonly next?: string;
}

/** A page of who is present, or only how many, as the principal's rights have it. */
export function readPresence(
  context: ServiceContext,
  principal: Principal,
  query: MembersQuery,
  reply: Reply<MembersDetails>,
): void {
  askAboutPresence(context, principal, 'presence.read', query.topic, (unread) => {
    if (unread === null) return page(context, principal, query, true, reply);
    if (isForNow(unread)) return reply(unread);
    askAboutPresence(context, principal, 'presence.count', query.topic, (uncounted) => {
      if (uncounted === null) page(context, principal, query, false, reply);
      else reply(uncounted);
    });
  });
}

function page(
  { presence: service }: ServiceContext,
  principal: Principal,
  query: MembersQuery,
  mayRead: boolean,
  reply: Reply<MembersDetails>,
): void {
  if (service === null) return reply(refusal('internal', 'expected presence'));
  const { topic } = query;
  const most = mayRead ? service.listed : 0;
  const member = mayRead ? query.member : undefined;
  service.presence.store.members(qualify(principal.tenant, topic), { ...query, member, most }, (found) => {
    if (isRefusal(found)) return reply(found);
    const { count, position } = found;
    const isListed = mayRead && (count <= most || member !== undefined);
    reply({ topic, count, position, ...(isListed && membersOf(found)) });
  });
}

interface Counts {
  readonly counts: Readonly<Record<string, number>>;
  readonly refused: ReadonlyMap<string, Refusal>;
}

/** How many are present in each of several topics; those that may not be counted are missing. */
export function countPresence(
  context: ServiceContext,
  principal: Principal,
  topics: readonly string[],
  reply: Reply<Counts>,
): void {
  const refused = new Map<string, Refusal>();
  let open = topics.length;
  for (const topic of topics) {
    askToCount(context, principal, topic, (problem) => {
      if (problem !== null) refused.set(topic, problem);
      open -= 1;
      if (open === 0) count(context, principal, topics, refused, reply);
    });
  }
}

function count(
  { presence: service }: ServiceContext,
  { tenant }: Principal,
  topics: readonly string[],
  refused: ReadonlyMap<string, Refusal>,
  reply: Reply<Counts>,
): void {
  const allowed = topics.filter((topic) => !refused.has(topic));
  if (service === null || allowed.length === 0) return reply({ counts: {}, refused });
  const names = allowed.map((topic) => qualify(tenant, topic));
  service.presence.store.counts(names, (answer) => {
    if (isRefusal(answer)) return reply(answer);
    reply({ counts: Object.fromEntries(allowed.map((topic, at) => [topic, answer[at] ?? 0])), refused });
  });
}

function membersOf({ members, next }: MembersPage): Pick<MembersDetails, 'members' | 'next'> {
  return {
    members: members.map(({ who, data, connections, since, sequence }) => ({
      ...(JSON.parse(`{${who}}`) as object),
      data: JSON.parse(data) as unknown,
      connections,
      since,
      sequence,
    })),
    ...(next === null ? {} : { next }),
  };
}
