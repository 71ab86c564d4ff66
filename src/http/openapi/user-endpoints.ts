/** What backends see and change of the connections of users, described. */
import { z } from 'zod';
import { DISCONNECT_BODY, SUBSCRIPTIONS_BODY, USER_QUERY } from '../user-connections.ts';
import type { Endpoint } from './endpoint.ts';

const missed = z.array(z.string()).describe('nodes that did not answer, and why; empty when all did');
const reached = { connections: z.int().min(0).describe('on all nodes that answered'), missed };

const userConnections = z
  .object({
    user: z.string(),
    total: z.int().min(0),
    connections: z.array(
      z.object({
        node: z.string(),
        connection_id: z.string(),
        session_id: z.string(),
        transport: z.enum(['websocket', 'sse', 'poll', 'frames']),
        format: z.string(),
        address: z.string(),
        connected_secs: z.int(),
        subscriptions: z.int().min(0).describe('topics and patterns that are subscribed to'),
        topics: z.array(z.string()).describe('which those are, as far as the answer has room'),
      }),
    ),
    missed,
  })
  .meta({ id: 'UserConnections', description: 'The open connections of one user on all nodes.' });

const closed = z.object(reached).meta({ id: 'Closed', description: 'How many connections were closed.' });

const changed = z
  .object({
    ...reached,
    topics: z.array(z.string()).describe('what was carried out'),
    rejected: z.array(
      z.object({
        topic: z.string(),
        code: z.int(),
        reason: z.string(),
        message: z.string(),
        temporary: z.boolean(),
        retry_after_ms: z.number().optional(),
        details: z.looseObject({}).optional(),
      }),
    ),
  })
  .meta({ id: 'ChangedSubscriptions', description: 'Which topics were carried out, and for how many connections.' });

const COMMON = { tag: 'backends', role: 'service' } as const;
const COST = "Costs five tokens of the user's rate.";
const PARTLY = { description: 'A node did not answer, or a topic was refused: the rest was done.' };

export const USER_ENDPOINTS: readonly Endpoint[] = [
  {
    ...COMMON,
    method: 'GET',
    path: '/api/connections',
    operation: 'userConnections',
    summary: 'The open connections of a user, on all nodes.',
    description: COST,
    query: USER_QUERY,
    response: userConnections,
    reasons: ['invalid_field'],
  },
  {
    ...COMMON,
    method: 'POST',
    path: '/api/disconnect',
    operation: 'disconnectClients',
    summary: 'Closes the connections of a user, or one by its id or session.',
    description: COST,
    request: DISCONNECT_BODY,
    response: closed,
    otherResponses: { 207: { ...PARTLY, content: closed } },
    reasons: ['malformed', 'invalid_field', 'payload_too_large', 'over_capacity'],
  },
  {
    ...COMMON,
    method: 'POST',
    path: '/api/subscribe',
    operation: 'subscribeUser',
    summary: 'Subscribes all connections of a user to topics.',
    description: `${COST} Each started ten topics after the first cost one more.`,
    request: SUBSCRIPTIONS_BODY,
    response: changed,
    otherResponses: { 207: { ...PARTLY, content: changed } },
    reasons: ['malformed', 'invalid_field', 'payload_too_large', 'over_capacity'],
  },
  {
    ...COMMON,
    method: 'POST',
    path: '/api/unsubscribe',
    operation: 'unsubscribeUser',
    summary: 'Ends subscriptions of all connections of a user.',
    description: `${COST} Each started ten topics after the first cost one more.`,
    request: SUBSCRIPTIONS_BODY,
    response: changed,
    otherResponses: { 207: { ...PARTLY, content: changed } },
    reasons: ['malformed', 'invalid_field', 'payload_too_large', 'over_capacity'],
  },
];
