/** Being present in topics and seeing who is: what both edges check and ask. */
import type { Principal } from '../auth/principal.ts';
import type { Reply } from '../broker/broker.ts';
import type { Applied, MembersPage } from '../presence/presence-store.ts';
import type { Coalesced, Presence } from '../presence/presence.ts';
import { presenceProblem, presenceRuleOf, type PresenceRight, type PresenceRules } from '../presence/presence-rules.ts';
import { isRefusal, notAllowed, quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { PresenceGetFrame } from '../protocol/frames.ts';
import type { Position } from '../protocol/position.ts';
import { isTopicName, qualify } from '../protocol/topic.ts';

/** What a node that keeps presence has; a node without any rule for it has none. */
export interface PresenceService {
  readonly presence: Presence;
  readonly rules: PresenceRules;
  /** Bytes of what a member says of itself. */
  readonly dataBytes: number;
  /** Members of a topic up to which they are listed. */
  readonly listed: number;
}

/** A connection that is present, and its user. */
export interface Present {
  readonly id: string;
  readonly principal: Principal;
}

export interface PresentAs {
  readonly user: string;
  readonly connection?: string;
}

/** Why this principal may not do this with the presence of a topic, or `null`. */
export function presenceRefusal(
  service: PresenceService | null,
  principal: Principal,
  right: PresenceRight,
  topic: string,
): Refusal | null {
  if (!isTopicName(topic))
    return refusal('invalid_topic', `expected 1 to 256 bytes of dotted segments [A-Za-z0-9_:-], got ${quote(topic)}`);
  if (service === null)
    return notAllowed('expected a topic whose presence is kept (topics.presence, or presence of a rule)', 'no_rule');
  return presenceProblem(service.rules, principal, right, topic);
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

export function presentAs({ rules }: PresenceService, { id, principal }: Present, topic: string): PresentAs {
  const isByConnection = presenceRuleOf(rules, topic).members === 'connection';
  return { user: principal.user, ...(isByConnection && { connection: id }) };
}

/** Ends presence that the connection's claims no longer allow. */
export function recheckPresence(service: PresenceService | null, { id, principal }: Present): void {
  if (service === null) return;
  for (const topic of service.presence.topicsOf(id)) {
    const name = topic.slice(topic.indexOf('/') + 1);
    if (presenceRefusal(service, principal, 'enter', name) !== null)
      service.presence.leave(id, topic, 'not_allowed', null);
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
  const isByConnection = service !== null && presenceRuleOf(service.rules, topic).members === 'connection';
  if (user !== undefined && isByConnection)
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
  service: PresenceService | null,
  principal: Principal,
  query: MembersQuery,
  reply: Reply<MembersDetails>,
): void {
  const { topic } = query;
  const unread = presenceRefusal(service, principal, 'read', topic);
  const uncounted = unread === null ? null : presenceRefusal(service, principal, 'count', topic);
  if (uncounted !== null || service === null) return reply(uncounted ?? refusal('internal', 'expected presence'));
  const limit = unread === null ? query.limit : 0;
  service.presence.store.members(qualify(principal.tenant, topic), { ...query, limit: Math.max(1, limit) }, (page) => {
    if (isRefusal(page)) return reply(page);
    const { count, position } = page;
    const isListed = limit > 0 && (count <= service.listed || query.member !== undefined);
    reply({ topic, count, position, ...(isListed && membersOf(page)) });
  });
}

/** How many are present in each of several topics; those that may not be counted are missing. */
export function countPresence(
  service: PresenceService | null,
  principal: Principal,
  topics: readonly string[],
  reply: Reply<{ readonly counts: Readonly<Record<string, number>>; readonly refused: ReadonlyMap<string, Refusal> }>,
): void {
  const refused = new Map<string, Refusal>();
  for (const topic of topics) {
    const problem = presenceRefusal(service, principal, 'count', topic);
    if (problem !== null) refused.set(topic, problem);
  }
  const allowed = topics.filter((topic) => !refused.has(topic));
  if (service === null || allowed.length === 0) return reply({ counts: {}, refused });
  const names = allowed.map((topic) => qualify(principal.tenant, topic));
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
