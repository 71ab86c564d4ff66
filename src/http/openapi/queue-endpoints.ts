/** Queues of applications for operators, described. */
import { z } from 'zod';
import { DEAD_QUERY, PURGE, QUEUES, QUEUES_DEAD, QUEUES_PURGE, QUEUES_REPLAY, REPLAY } from '../admin-queues.ts';
import type { Endpoint } from './endpoint.ts';

const ADMIN = { tag: 'administration', role: 'admin' } as const;
const count = z.int().nullable().describe('null while the broker is away');

export const QUEUE_ENDPOINTS: readonly Endpoint[] = [
  {
    ...ADMIN,
    method: 'GET',
    path: QUEUES,
    operation: 'queues',
    summary: 'The queues of applications, with how many messages are in each state.',
    response: z.object({
      node: z.string(),
      kind: z.string().nullable().describe('where they are kept; null when no application names one'),
      trouble: z.enum(['starting', 'away', 'unfit', 'full']).nullable(),
      problem: z.string().nullable(),
      queues: z.array(z.object({ queue: z.string(), ready: count, unacknowledged: count, later: count, dead: count })),
    }),
  },
  {
    ...ADMIN,
    method: 'GET',
    path: QUEUES_DEAD,
    operation: 'queueDeadLetters',
    summary: 'The messages of a queue that were given up, the newest first, with their reason.',
    query: DEAD_QUERY,
    response: z.object({
      queue: z.string(),
      total: z.int(),
      dead_letters: z.array(z.looseObject({ id: z.string(), reason: z.string(), attempt: z.int(), at: z.number() })),
    }),
    reasons: ['invalid_field', 'not_found', 'queue_unavailable'],
  },
  {
    ...ADMIN,
    method: 'POST',
    path: QUEUES_REPLAY,
    operation: 'replayQueue',
    summary: 'Puts dead letters of a queue behind what waits, with their headers; once in 5 s.',
    request: REPLAY,
    response: z.object({ queue: z.string(), replayed: z.int() }),
    reasons: ['invalid_field', 'not_found', 'queue_unavailable', 'rate_limited'],
  },
  {
    ...ADMIN,
    method: 'POST',
    path: QUEUES_PURGE,
    operation: 'purgeQueue',
    summary: 'Drops what waits in a queue, or its dead letters: nothing brings them back.',
    request: PURGE,
    response: z.object({ queue: z.string(), purged: z.int() }),
    reasons: ['invalid_field', 'not_found', 'queue_unavailable'],
  },
];
