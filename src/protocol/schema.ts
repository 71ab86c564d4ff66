/** Wire protocol version 1, client to server, as one schema: the reference for guard.ts and for generated descriptions. */
import { z } from 'zod';
import {
  MAX_DEPTH,
  MAX_EPOCH_LENGTH,
  MAX_FRAME_ID_LENGTH,
  MAX_HISTORY_LIMIT,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_MISSED_LIMIT,
  MAX_POSITIONS_PER_FRAME,
  MAX_PRESENCE_LIMIT,
  MAX_PRESENCE_TOPICS,
  MAX_TOPIC_LENGTH,
  MAX_TOPICS_PER_FRAME,
  MAX_TRACE_LENGTH,
  MAX_USER_LENGTH,
} from './limits.ts';

const milliseconds = z.number();
const position = z.object({ epoch: z.string().max(MAX_EPOCH_LENGTH), sequence: z.int().min(0) });
const positions = z.record(z.string(), position).refine((map) => Object.keys(map).length <= MAX_POSITIONS_PER_FRAME);
const payload = z.unknown().refine((value) => value !== undefined && isJsonValue(value, 2));
const idempotencyKey = z.string().min(1).max(MAX_IDEMPOTENCY_KEY_LENGTH).optional();
const topicList = z.array(z.string()).min(1).max(MAX_TOPICS_PER_FRAME);

const subscribeEntry = z.union([
  z.string(),
  z
    .object({
      topic: z.string(),
      epoch: position.shape.epoch.optional(),
      sequence: position.shape.sequence.optional(),
      from: z.enum(['latest', 'earliest']).optional(),
      positions: positions.optional(),
    })
    .refine((entry) => (entry.epoch === undefined) === (entry.sequence === undefined)),
]);

const envelope = {
  id: z.string().min(1).max(MAX_FRAME_ID_LENGTH).optional(),
  timestamp: milliseconds.optional(),
  trace: z.string().max(MAX_TRACE_LENGTH).optional(),
};

/** `data` per client frame type. */
export const CLIENT_DATA = {
  Ping: z.object({ timestamp: milliseconds.optional() }).optional(),
  Subscribe: z.object({ topics: z.array(subscribeEntry).min(1).max(MAX_TOPICS_PER_FRAME) }),
  Unsubscribe: z.object({ topics: topicList }),
  Broadcast: z.object({ topic: z.string(), payload, idempotency_key: idempotencyKey }),
  DirectMessage: z.object({
    target_user: z.string().min(1).max(MAX_USER_LENGTH),
    payload,
    idempotency_key: idempotencyKey,
  }),
  GetMissedMessages: z.object({
    since: z.union([z.string().min(1).max(MAX_TOPIC_LENGTH), positions]),
    session_id: z.string().min(1).max(MAX_TOPIC_LENGTH).optional(),
    topics: topicList.optional(),
    limit: z.int().min(1).max(MAX_MISSED_LIMIT).optional(),
  }),
  History: z.object({
    topic: z.string(),
    since: position.optional(),
    before: position.optional(),
    limit: z.int().min(1).max(MAX_HISTORY_LIMIT),
    reverse: z.boolean().optional(),
  }),
  Authenticate: z.object({ token: z.string() }),
  Ack: z.object({ positions }),
  Presence: z.object({
    topic: z.string(),
    action: z.enum(['enter', 'update', 'leave']),
    data: z
      .record(z.string(), z.unknown())
      .refine((value) => isJsonValue(value, 2))
      .optional(),
  }),
  PresenceGet: z
    .object({
      topic: z.string().optional(),
      topics: z.array(z.string()).min(1).max(MAX_PRESENCE_TOPICS).optional(),
      limit: z.int().min(1).max(MAX_PRESENCE_LIMIT).optional(),
      after: z.string().max(MAX_TOPIC_LENGTH).optional(),
      user: z.string().min(1).max(MAX_USER_LENGTH).optional(),
    })
    .refine(({ topic, topics }) => (topic === undefined) !== (topics === undefined)),
} as const;

/** A whole client frame of one of the core's types. */
export const clientFrame = z.union(
  Object.entries(CLIENT_DATA).map(([type, data]) => z.object({ ...envelope, type: z.literal(type), data })),
);

function isJsonValue(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isJsonValue(item, depth + 1));
  return Object.entries(value).every(([key, item]) => key !== '__proto__' && isJsonValue(item, depth + 1));
}
