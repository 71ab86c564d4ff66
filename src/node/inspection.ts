/** What operators see of connections and topics. Payloads are never part of it. */
import type { Connection } from '../connection/connection.ts';
import { waiting } from '../connection/waiting-list.ts';
import { CODECS, LOG_CODEC } from '../protocol/codecs.ts';
import { wireName } from '../protocol/topic.ts';
import { LAGGING, JOINING, LIVE, type Subscription } from '../router/subscription.ts';
import type { Node } from './node.ts';

/** By what a list of connections may be sorted; the largest first. */
export const SORTS = {
  mailbox: (connection: Connection) => connection.queuedCount,
  bytes: (connection: Connection) => connection.queuedBytes + (connection.transport?.buffered() ?? 0),
  age: (connection: Connection) => oldestAgeMs(connection),
  lag: (connection: Connection) => lagOf(connection),
  connected: (connection: Connection) => connection.context.node.beat - connection.openedBeat,
} as const;

export type Sort = keyof typeof SORTS;

/** Entries of a mailbox that a peek shows per topic. */
const PEEK = 5;

export interface Page {
  readonly sort: Sort;
  readonly offset: number;
  readonly limit: number;
  readonly user: string | null;
  /** Part of a user, an id or an address, in any case; `''` is everybody. */
  readonly search: string;
}

/** A page of the open connections. Walks all of them once: 5 ms for ten thousand. */
export function listConnections(node: Node, { sort, offset, limit, user, search }: Page): Record<string, unknown> {
  const measure = SORTS[sort];
  const wanted = search.toLowerCase();
  const all = node.connections.filter(
    (connection) =>
      connection.isOpen &&
      (user === null || connection.principal.user === user) &&
      (wanted === '' || isNamed(connection, wanted)),
  );
  const ranked = all
    .map((connection) => ({ connection, value: measure(connection) }))
    .sort((a, b) => b.value - a.value);
  const next = offset + limit < all.length ? offset + limit : null;
  const connections = ranked.slice(offset, offset + limit).map(({ connection }) => summary(connection));
  return { node: node.parts.mode.name, total: all.length, sort, offset, next_offset: next, connections };
}

function isNamed({ principal, id, address }: Connection, wanted: string): boolean {
  return [principal.user, id, address].some((text) => text.toLowerCase().includes(wanted));
}

/** Everything about one connection, or `null`. */
export function inspectConnection(node: Node, id: string): Record<string, unknown> | null {
  const connection = node.byId(id);
  if (connection === undefined) return null;
  const { principal, control, transport } = connection;
  return {
    ...summary(connection),
    roles: principal.roles,
    token: {
      id: principal.tokenId ?? null,
      issued_at: principal.issuedAt,
      expires_at: Number.isFinite(principal.expiresAt) ? principal.expiresAt : null,
    },
    // What the supervisor knows of the actor; its inbox is what came from the client and is not handled yet.
    health: connection.cell.health(),
    lanes: {
      control: { messages: control?.length ?? 0, bytes: control?.bytes ?? 0 },
      data: { messages: connection.queuedCount, bytes: connection.queuedBytes },
      socket: { buffered_bytes: transport?.buffered() ?? 0, blocked: connection.isBlocked },
    },
    patterns: connection.patterns ?? [],
    subscriptions: connection.subscriptions.map((subscription) => subscriptionOf(connection, subscription)),
    presence: (connection.context.presence?.presence.topicsOf(connection.id) ?? []).map(wireName),
    next_entries: peek(connection),
    // The newest first.
    last_errors: connection.context.lastErrors.of(connection.number),
  };
}

/** Topics that this node serves, the most subscribed first. */
export function listTopics(node: Node, offset: number, limit: number, prefix: string): Record<string, unknown> {
  const { context, mode } = node.parts;
  const all = [...context.router.openTopics()].filter(({ clientName }) => clientName.startsWith(prefix));
  const ranked = all.sort((a, b) => b.subscriptions.length - a.subscriptions.length);
  return {
    node: mode.name,
    total: all.length,
    offset,
    next_offset: offset + limit < all.length ? offset + limit : null,
    topics: ranked.slice(offset, offset + limit).map((topic) => ({
      topic: topic.clientName,
      epoch: topic.epoch,
      sequence: topic.head,
      ephemeral: topic.isEphemeral,
      subscribers: topic.subscriptions.length,
      lagging: topic.subscriptions.filter(({ state }) => state === LAGGING).length,
      routed: topic.routedCount,
      tail: {
        from: Math.min(...CODECS.map((codec) => topic.tailFirst(codec))),
        bytes: topic.bytesBetween(LOG_CODEC, topic.tailFirst(LOG_CODEC) - 1, topic.head),
      },
    })),
  };
}

function summary(connection: Connection): Record<string, unknown> {
  const { principal, context, transport } = connection;
  return {
    id: connection.id,
    session_id: connection.sessionId,
    user: principal.user,
    tenant: principal.tenant,
    address: connection.address,
    transport: connection.over,
    format: connection.format,
    batching: connection.batching,
    state: connection.lifecycle,
    connected_secs: context.node.beat - connection.openedBeat,
    silent_secs: context.node.beat - connection.seenBeat,
    subscriptions: connection.subscriptions.length,
    mailbox_messages: connection.queuedCount,
    mailbox_bytes: connection.queuedBytes,
    oldest_age_ms: oldestAgeMs(connection),
    lag: lagOf(connection),
    buffered_bytes: transport?.buffered() ?? 0,
    blocked: connection.isBlocked,
  };
}

function subscriptionOf({ codec }: Connection, subscription: Subscription): Record<string, unknown> {
  const { topic, state, written, gap } = subscription;
  return {
    topic: topic.clientName,
    state: stateName(state),
    explicit: subscription.isExplicit,
    position: { epoch: topic.epoch, sequence: written },
    head: topic.head,
    queued: subscription.queued,
    queued_bytes: subscription.queuedBytes,
    behind: Math.max(0, topic.head - written),
    in_tail: written + 1 >= topic.tailFirst(codec),
    open_gap: gap,
    counts: {
      live: subscription.live,
      replayed: subscription.replayed,
      displaced: subscription.displaced,
      deferred: subscription.deferred,
      lost: subscription.lost,
    },
  };
}

function stateName(state: Subscription['state']): string {
  if (state === JOINING) return 'joining';
  if (state === LIVE) return 'live';
  return state === LAGGING ? 'lagging' : 'ended';
}

/** The next entries of the mailbox: where they are from and how large, never what they say. */
function peek(connection: Connection): Record<string, unknown>[] {
  const { codec, context } = connection;
  const now = context.clock.elapsed();
  return [...waiting(connection)].flatMap(({ topic, written, queued }) =>
    Array.from({ length: Math.min(queued, PEEK) }, (_, at) => written + 1 + at)
      .filter((sequence) => sequence >= topic.tailFirst(codec))
      .map((sequence) => ({
        topic: topic.clientName,
        sequence,
        bytes: topic.bytesBetween(codec, sequence - 1, sequence),
        age_ms: Math.round(now - topic.arrivedAt(codec, sequence)),
        payload: '[redacted]',
      })),
  );
}

/** Messages that lagging subscriptions have yet to read from the log. */
function lagOf({ lagging }: Connection): number {
  let sum = 0;
  for (const { topic, written } of lagging ?? []) sum += Math.max(0, topic.head - written);
  return sum;
}

/** Milliseconds that the oldest message in a connection's mailbox has waited. */
export function oldestAgeMs(connection: Connection): number {
  const now = connection.context.clock.elapsed();
  let oldest = now;
  for (const { topic, written, queued } of waiting(connection)) {
    if (queued > 0 && written + 1 >= topic.tailFirst(connection.codec))
      oldest = Math.min(oldest, topic.arrivedAt(connection.codec, written + 1));
  }
  return Math.round(now - oldest);
}
