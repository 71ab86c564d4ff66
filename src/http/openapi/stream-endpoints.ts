/** What clients without WebSocket ask for, described. */
import { z } from 'zod';
import { MAX_BATCH_FRAMES, MAX_HISTORY_LIMIT, MAX_PRESENCE_TOPICS } from '../../protocol/limits.ts';
import type { Endpoint } from './endpoint.ts';

const topic = z.union([
  z.string(),
  z.object({
    topic: z.string(),
    epoch: z.string().optional(),
    sequence: z.int().min(0).optional(),
    from: z.enum(['latest', 'earliest']).optional(),
  }),
]);
const frame = z.looseObject({ type: z.string() });
const events = {
  byMediaType: { 'text/event-stream': z.string().meta({ description: 'events; docs/http-streams.md' }) },
};
const cursor = z.string().meta({ description: 'the last event id of an earlier stream of the same topics' });
const reasons = [
  'invalid_field',
  'invalid_topic',
  'topic_limit',
  'origin_not_allowed',
  'over_capacity',
  'connection_limit',
  'rate_limited',
  'not_admitting',
] as const;
const description =
  'Admitted like a WebSocket, by the same checks. A token may also come as ?token=, unless auth.query_token is off.';

export const STREAM_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/sse',
    operation: 'stream',
    tag: 'clients without WebSocket',
    summary: 'A stream of events, for EventSource.',
    description,
    role: 'user',
    query: z.object({
      topics: z.string().meta({ description: 'names of topics, with commas between them' }),
      cursor: cursor.optional(),
      from: z.enum(['latest', 'earliest']).optional(),
      pad: z.literal('1').optional().meta({ description: 'begins with a comment of 2 KiB' }),
      token: z.string().optional(),
    }),
    headers: z.object({ 'Last-Event-ID': z.string().optional() }),
    response: events,
    reasons,
  },
  {
    method: 'POST',
    path: '/sse',
    operation: 'streamAtPositions',
    tag: 'clients without WebSocket',
    summary: 'A stream of events, at a position for each topic.',
    description,
    role: 'user',
    request: z.object({
      topics: z.array(topic).min(1),
      cursor: cursor.optional(),
      pad: z.boolean().optional(),
      presence: z
        .array(z.union([z.string(), z.object({ topic: z.string(), data: z.looseObject({}).optional() })]))
        .max(MAX_PRESENCE_TOPICS)
        .optional()
        .meta({ description: 'topics in which the client is present while the stream lasts' }),
    }),
    response: events,
    reasons: ['malformed', ...reasons],
  },
  {
    method: 'POST',
    path: '/poll',
    operation: 'poll',
    tag: 'clients without WebSocket',
    summary: 'Waits for news of some topics.',
    description,
    role: 'user',
    request: z.object({
      topics: z.array(topic).min(1),
      wait_ms: z.int().min(0).optional(),
      max: z.int().min(1).max(MAX_HISTORY_LIMIT).optional(),
    }),
    response: z.object({
      items: z.array(frame).meta({ description: 'publications, as on a WebSocket' }),
      gaps: z.array(frame).meta({ description: 'losses: Gap frames' }),
      positions: z.record(z.string(), z.object({ epoch: z.string(), sequence: z.int().min(0) })),
      recovery: z.record(z.string(), z.looseObject({ recovered: z.boolean() })),
      rejected: z.array(z.looseObject({ topic: z.string(), reason: z.string() })),
      unavailable: z.array(z.object({ topic: z.string(), reason: z.literal('no_history') })),
      reconnect_after_ms: z.int().min(0).optional(),
    }),
    reasons: ['malformed', ...reasons],
  },
  {
    method: 'POST',
    path: '/frames',
    operation: 'frames',
    tag: 'clients without WebSocket',
    summary: 'Answers frames that need no connection, in order.',
    description,
    role: 'user',
    request: z.array(frame).min(1).max(MAX_BATCH_FRAMES),
    response: z.array(frame),
    reasons: ['malformed', 'origin_not_allowed', 'over_capacity', 'rate_limited', 'not_admitting'],
  },
];
