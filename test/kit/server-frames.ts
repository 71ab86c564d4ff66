/** Wire protocol version 1, server to client, as schemas that know no other fields: the reference for docs/protocol.md. */
import { z } from 'zod';
import { COMMANDS } from '../../src/control/command.ts';
import { DENIALS, type Denial } from '../../src/protocol/errors.ts';

const count = z.int();
const position = z.strictObject({ epoch: z.string(), sequence: z.int() });
const positions = z.record(z.string(), position);
const details = z.looseObject({
  because: z.enum(Object.keys(DENIALS) as [Denial, ...Denial[]]).optional(),
});
const reason = z.string();
const rejection = z.strictObject({
  topic: z.string(),
  code: count,
  reason,
  message: z.string(),
  temporary: z.boolean(),
  retry_after_ms: z.number().optional(),
  details: z.looseObject({}).optional(),
});

/** `data` by the heading of the page; of a `Status` with an event its `details`. */
export const SERVER_DATA = {
  Status: z.strictObject({ status: z.string(), details: z.looseObject({}) }),
  'Status connected': z.strictObject({
    connection_id: z.string(),
    session_id: z.string(),
    user: z.string(),
    tenant: z.string().optional(),
    node: z.string(),
    server_time: count,
    protocol_version: count,
    mode: z.string(),
    heartbeat_interval_ms: count,
    client_timeout_ms: count,
    max_message_size: count,
    token_expires_at: count.nullable(),
    limits: z.strictObject({
      max_subscriptions: count,
      connection_rps: z.number(),
      connection_burst: z.number(),
      user_rps: z.number(),
      max_topics_per_frame: count,
      max_batch: count,
      history_limit: count,
      idempotency_window_ms: count,
    }),
    mailbox: z.strictObject({ capacity: count, bytes: count, overflow_strategy: z.literal('drop_oldest') }),
    features: z.array(z.string()),
  }),
  'Status subscribed': z.strictObject({
    topics: z.array(z.string()),
    active_subscriptions: count,
    positions,
    recovery: z.record(
      z.string(),
      z.strictObject({ recovered: z.boolean(), missed: count, reason: reason.optional() }),
    ),
    rejected: z.array(rejection),
  }),
  'Status unsubscribed': z.strictObject({
    topics: z.array(z.string()),
    active_subscriptions: count,
    rejected: z.array(rejection).optional(),
  }),
  'Status authenticated': z.strictObject({
    expires_at: z.number().nullable(),
    unsubscribed: z.array(z.string()),
  }),
  'Status missed_messages': z.strictObject({
    count,
    complete: z.boolean(),
    topics: z.record(
      z.string(),
      z.strictObject({ epoch: z.string(), sequence: count, recovered: z.boolean(), reason: reason.optional() }),
    ),
  }),
  'Status history': z.strictObject({
    topic: z.string(),
    messages: z.array(z.unknown()),
    complete: z.boolean(),
    reason: reason.optional(),
    position,
    next: position.optional(),
  }),
  'Status presence': z.strictObject({
    topic: z.string(),
    action: z.enum(['enter', 'update', 'leave']),
    reason: z.literal('not_allowed').optional(),
    user: z.string(),
    connection: z.string().optional(),
    count: count.optional(),
    epoch: z.string().optional(),
    sequence: count.optional(),
    coalesced: z.literal(true).optional(),
  }),
  'Status presence_members': z.strictObject({
    topic: z.string(),
    count,
    position,
    members: z
      .array(
        z.strictObject({
          user: z.string(),
          connection: z.string().optional(),
          data: z.looseObject({}),
          connections: count,
          since: count,
          sequence: count,
        }),
      )
      .optional(),
    next: z.string().optional(),
  }),
  'Status presence_counts': z.strictObject({
    counts: z.record(z.string(), count),
    rejected: z.array(rejection),
  }),
  'Status draining': z.strictObject({ reconnect_after_ms: count }),
  Ack: z.strictObject({
    message_id: z.string().optional(),
    status: z.enum(['delivered', 'duplicate', 'queued']),
    topic: z.string().optional(),
    id: z.string().optional(),
    sequence: count.optional(),
    epoch: z.string().optional(),
    recipients: count,
  }),
  Error: z.strictObject({
    code: count,
    reason,
    message: z.string(),
    temporary: z.boolean(),
    retry_after_ms: count.optional(),
    details: details.optional(),
  }),
  'Broadcast publication': z.strictObject({
    topic: z.string(),
    payload: z.unknown(),
    sequence: count.optional(),
    epoch: z.string().optional(),
    from: z.string(),
    client_id: z.string().optional(),
    replayed: z.literal(true).optional(),
  }),
  'DirectMessage publication': z.strictObject({
    from_user: z.string(),
    payload: z.unknown(),
    sequence: count,
    epoch: z.string(),
    client_id: z.string().optional(),
    replayed: z.literal(true).optional(),
  }),
  Gap: z.union([
    z.strictObject({
      topic: z.string(),
      cause: z.enum(['overflow', 'trimmed']),
      epoch: z.string(),
      from: count,
      to: count,
      count,
    }),
    z.strictObject({ topic: z.string(), cause: z.literal('no_history'), count }),
    z.strictObject({ topic: z.string(), cause: z.literal('history_lost'), epoch: z.string(), sequence: count }),
  ]),
  Pong: z.strictObject({ timestamp: z.number().optional(), server_time: count }),
  'Ping from the server': z.strictObject({ timestamp: count }),
  AuthStatus: z.strictObject({
    status: z.literal('token_expiring'),
    expires_at: z.number(),
    refresh_required: z.literal(true),
  }),
  SystemNotification: COMMANDS.broadcast.shape.data,
} as const;

export type Heading = keyof typeof SERVER_DATA;

/** What stands around the data. */
export const serverEnvelope = z.strictObject({
  type: z.string(),
  reply_to: z.string().optional(),
  id: z.string().optional(),
  timestamp: z.int().optional(),
  trace: z.string().optional(),
  data: z.looseObject({}),
});

/** The heading under which the page describes a frame; `null` for a `Status` that the page does not know. */
export function headingOf(frame: { readonly type: string; readonly data: object }): Heading | null {
  const { type, data } = frame;
  const { status } = data as { readonly status?: unknown };
  const heading =
    type === 'Status' && typeof status === 'string' && !status.startsWith('X-') ? `Status ${status}` : type;
  const names = [heading, `${heading} publication`, `${heading} from the server`];
  return names.find((name): name is Heading => Object.hasOwn(SERVER_DATA, name)) ?? null;
}

/** What is wrong with a frame of the server, or `null`. */
export function frameProblem(frame: unknown): string | null {
  const envelope = serverEnvelope.safeParse(frame);
  if (!envelope.success) return envelope.error.message;
  const heading = headingOf(envelope.data);
  if (heading === null) return `the page does not know this frame: ${JSON.stringify(frame)}`;
  const { data } = envelope.data;
  const read = SERVER_DATA[heading].safeParse(heading.startsWith('Status ') ? data['details'] : data);
  return read.success ? null : `${heading}: ${read.error.message}`;
}
