/** Administration, described. */
import { z } from 'zod';
import { DENIALS, type Denial } from '../../protocol/errors.ts';
import { ADMIN_COMMANDS, bodySchema } from '../admin-commands.ts';
import { CONNECTIONS_QUERY, TOPICS_QUERY } from '../admin-views.ts';
import { APP_DEAD_LETTERS, APP_DEAD_LETTERS_QUERY } from '../app-dead-letters.ts';
import { FIGURES_PATH, FIGURES_QUERY } from '../figures.ts';
import { PROFILE } from '../profile.ts';
import { SECRETS, SECRETS_QUERY } from '../secrets-view.ts';
import { TOKEN_CHECK } from '../token-check.ts';
import type { Endpoint } from './endpoint.ts';
import { FACTS_ENDPOINTS } from './facts-endpoints.ts';

const outcome = z
  .object({
    node: z.string(),
    applied: z.boolean().describe('false for a dry run, and when there was a problem'),
    connections: z.int().describe('connections that it touches, or would touch'),
    messages_per_second: z.number(),
    until: z.int().nullable().describe('ms since 1970; null when it stays'),
    problem: z.string().optional(),
  })
  .meta({ id: 'Outcome', description: "One node's acknowledgement." });

const change = z
  .object({
    command: z.string(),
    dry_run: z.boolean(),
    applied: z.boolean(),
    until: z.iso.datetime().nullable(),
    connections: z.int(),
    messages_per_second: z.number(),
    nodes: z.array(outcome),
  })
  .meta({ id: 'Change', description: 'What a command did on every node.' });

const connection = z
  .looseObject({
    id: z.string(),
    user: z.string(),
    mailbox_messages: z.int(),
    mailbox_bytes: z.int(),
    oldest_age_ms: z.int(),
    lag: z.int().describe('messages that have to be read from the log'),
    blocked: z.boolean(),
  })
  .meta({ id: 'Connection' });

const member = z
  .object({
    node: z.string(),
    instance: z.string().describe('tells this run of the node from others of the same name'),
    address: z.string(),
    ordinal: z.int().nullable(),
    version: z.string(),
    mode: z.string(),
    connections: z.int(),
    started_at: z.number(),
    seen_at: z.number().describe('ms since 1970, when it last said so'),
  })
  .meta({ id: 'Member', description: 'A live node, as it says of itself.' });

/** Of an answer that was put together from those of all nodes. */
const nodeAnswer = z
  .object({
    node: z.string(),
    total: z.int().optional(),
    problem: z.string().nullable().describe('why this node gave no answer; null when it did'),
  })
  .meta({ id: 'NodeAnswer', description: 'Whether a node answered, where all are asked.' });

const until = z.iso.datetime().nullable().describe('when it ends by itself; null when it stays');
const rate = z.object({ per_second: z.number(), configured: z.number(), until });
const inForce = z.object({
  node: z.string(),
  problem: z.string().nullable().optional().describe('why this node gave no answer: then nothing else is there'),
  now: z.iso.datetime().optional().describe('by the clock of the node'),
  mode: z.object({ is: z.string(), until }).optional(),
  admission: z.object({ admits: z.boolean(), until }).optional(),
  rates: z.object({ connection_rps: rate, user_rps: rate, global_rps: rate }).optional(),
  log_level: z.object({ level: z.string(), until }).optional(),
  revocations: z
    .object({
      total: z.int(),
      newest: z
        .array(
          z.object({
            of: z.enum(['token', 'user', 'everybody']),
            who: z.string(),
            issued_until: z.iso.datetime().nullable(),
            until: z.iso.datetime(),
          }),
        )
        .describe('the newest 50'),
    })
    .optional(),
  traced: z.array(z.object({ pattern: z.string(), until })).optional(),
});

const figures = z.object({
  node: z.string(),
  every_secs: z.number(),
  at: z.array(z.number()).describe('ms since 1970, when each value was taken'),
  values: z
    .record(z.string(), z.array(z.number().nullable()))
    .describe('by figure, one value for each time; null where there was nothing to measure'),
});

const paging = {
  node: z.string().describe('* when all nodes were asked'),
  nodes: z.array(nodeAnswer).optional().describe('where all nodes were asked'),
  total: z.int(),
  offset: z.int(),
  next_offset: z.int().nullable().describe('offset of the next page; null on the last one'),
};

const denial = z
  .enum(Object.keys(DENIALS) as [Denial, ...Denial[]])
  .nullable()
  .describe('whose no it is; null when it is allowed');
const ability = z.object({ name: z.string(), subscribe: denial, publish: denial });
const tokenVerdict = z
  .object({
    node: z.string(),
    now: z.int().describe('ms since 1970, by the clock of the node'),
    accepted: z.boolean(),
    reason: z.string().optional().describe('why not: a reason of docs/errors.md'),
    message: z.string().optional(),
    key: z.string().optional().describe('what it was signed with'),
    principal: z
      .object({
        tenant: z.string(),
        user: z.string(),
        roles: z.array(z.string()),
        token_id: z.string().nullable(),
        issued_at: z.number().describe('ms since 1970; 0 when the token does not say'),
        expires_at: z.number().nullable().describe('ms since 1970; null when it never does'),
      })
      .optional(),
    rights: z
      .object({
        topics: z.array(ability).describe('the patterns of the token, and those of the rules'),
        others: ability,
        direct: denial,
        given: z.array(z.object({ name: z.string(), subscribe: denial })),
      })
      .optional(),
  })
  .meta({ id: 'TokenVerdict', description: 'What a node says of a token.' });

const secretsOfNode = z.object({
  node: z.string(),
  problem: z.string().nullable().optional(),
  secrets: z.array(z.object({ key: z.string(), fingerprint: z.string() })).optional(),
});

const ADMIN = { tag: 'administration', role: 'admin' } as const;

const VIEWS: readonly Endpoint[] = [
  ...FACTS_ENDPOINTS,
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/nodes',
    operation: 'nodes',
    summary: 'Every live node of the service.',
    response: z.object({
      total: z.int(),
      nodes: z.array(member),
      departed: z
        .array(z.object({ node: z.string(), seen_at: z.number() }))
        .describe('nodes of the last hour that ended without saying goodbye and did not come back under their name'),
      problem: z.string().nullable().describe('why other nodes are not seen; null when they are'),
    }),
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/connections',
    operation: 'connections',
    summary: 'Open connections of a node, or of all with node=*, the worst first.',
    query: CONNECTIONS_QUERY,
    response: z.object({ ...paging, sort: z.string(), connections: z.array(connection) }),
    reasons: ['invalid_field'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/connections/:id',
    operation: 'connection',
    summary: 'One connection: health of its actor, lanes, subscriptions, open gaps, next entries without payloads.',
    response: connection,
    reasons: ['not_found'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: FIGURES_PATH,
    operation: 'figures',
    summary: 'The last fifteen minutes of a node, or of all with node=*: rates, latencies, lag, memory.',
    query: FIGURES_QUERY,
    response: figures.or(z.object({ node: z.string(), nodes: z.array(figures.partial().loose()) })),
    reasons: ['invalid_field'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/topics',
    operation: 'topics',
    summary: 'Topics that a node serves, or all with node=*, the most subscribed first.',
    query: TOPICS_QUERY,
    response: z.object({ ...paging, topics: z.array(z.looseObject({ topic: z.string(), subscribers: z.int() })) }),
    reasons: ['invalid_field'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/presence',
    operation: 'presentTopics',
    summary: 'Topics in which connections of a node are present, or of all with node=*, the fullest first.',
    query: TOPICS_QUERY,
    response: z.object({ ...paging, topics: z.array(z.looseObject({ topic: z.string(), present: z.int() })) }),
    reasons: ['invalid_field'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/dead-letters',
    operation: 'deadLetters',
    summary: 'Messages that no handler could take, newest first.',
    response: z.object({
      node: z.string(),
      total: z.int(),
      dead_letters: z.array(
        z.object({ at: z.number(), actor: z.string(), error: z.string(), message: z.string().nullable() }),
      ),
    }),
  },
  {
    ...ADMIN,
    method: 'GET',
    path: APP_DEAD_LETTERS,
    operation: 'appDeadLetters',
    summary: 'What an application of a node has given up, or of all nodes with node=*, the newest first.',
    query: APP_DEAD_LETTERS_QUERY,
    response: z
      .object({
        node: z.string(),
        app: z.string(),
        total: z.int(),
        dead_letters: z.array(z.looseObject({ id: z.string() })),
      })
      .or(
        z.object({
          node: z.string(),
          apps: z
            .array(z.object({ app: z.string(), total: z.int().nullable(), problem: z.string().nullable() }))
            .describe('without app: the applications that keep dead letters'),
        }),
      ),
    reasons: ['invalid_field', 'not_found'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/trace/:id',
    operation: 'messageTrace',
    summary:
      'What became of a message on all nodes, recipient by recipient; with user, why that user did or did not get it.',
    query: z.object({ user: z.string().optional() }),
    response: z.object({
      message: z.looseObject({ id: z.string(), topic: z.string(), sequence: z.int() }).nullable(),
      note: z.string().nullable().describe('why the message is not in the trace'),
      app_stages: z
        .record(z.string(), z.number())
        .describe('what applications have kept of it: ms since 1970 by APP.STAGE'),
      standing: z
        .array(z.looseObject({ connection_id: z.string(), user: z.string(), verdict: z.string(), text: z.string() }))
        .describe('of a message that is not in the trace: connections that follow its topic'),
      why: z.looseObject({ user: z.string(), verdict: z.string(), sentence: z.string() }).nullable(),
      nodes: z.array(nodeAnswer).optional().describe('where all nodes were asked'),
    }),
    reasons: ['invalid_field'],
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/emergency-status',
    operation: 'emergencyStatus',
    summary: 'What is in force now, on all nodes: mode, admission, rates, log levels, revocations, traced topics.',
    response: z.object({ node: z.string(), nodes: z.array(inForce) }).or(inForce),
  },
  {
    ...ADMIN,
    method: 'GET',
    path: '/admin/trace',
    operation: 'tracedTopics',
    summary: 'The topics and patterns that are traced.',
    response: z.object({
      node: z.string(),
      patterns: z.array(z.object({ pattern: z.string(), until: z.iso.datetime().nullable() })),
    }),
  },
  {
    ...ADMIN,
    method: 'GET',
    path: SECRETS,
    operation: 'secretFingerprints',
    summary:
      'Which secrets a node runs with, or all nodes with node=*: a fingerprint of each for one comparison, made with the nonce.',
    query: SECRETS_QUERY,
    response: z.object({ node: z.string(), nodes: z.array(secretsOfNode) }).or(secretsOfNode),
    reasons: ['invalid_field'],
  },
  {
    ...ADMIN,
    method: 'POST',
    path: '/admin/tokens/check',
    operation: 'checkToken',
    summary: 'Whether this node takes a token, why not, and what its user may do. Changes and logs nothing.',
    request: TOKEN_CHECK,
    response: tokenVerdict,
    reasons: ['malformed', 'invalid_field'],
  },
  {
    ...ADMIN,
    method: 'POST',
    path: '/admin/profile',
    operation: 'profile',
    summary: "A CPU or heap profile for Chrome's DevTools; one at a time.",
    request: PROFILE,
    response: z.looseObject({}),
    reasons: ['malformed', 'invalid_field'],
  },
];

const COMMANDS = ADMIN_COMMANDS.map((endpoint): Endpoint => ({
  ...ADMIN,
  method: endpoint.method,
  path: endpoint.path,
  operation: endpoint.operation,
  summary: endpoint.summary,
  request: bodySchema(endpoint),
  response: change,
  reasons: ['malformed', 'invalid_field', 'not_found'],
}));

const ANY_NODE = {
  node: z
    .string()
    .optional()
    .describe(
      'the node that is meant, or * for all; without, the one that is asked, or all for /admin/trace/{id} and /admin/emergency-status',
    ),
};

/** What only looks can be of any node (admin-elsewhere.ts). */
const VIEWS_OF_ANY_NODE = VIEWS.map((view): Endpoint => {
  if (view.method !== 'GET' || view.path === '/admin/nodes') return view;
  const query = (view.query ?? z.object({})).extend(ANY_NODE);
  return { ...view, query, reasons: [...new Set([...(view.reasons ?? []), 'not_found' as const])] };
});

export const ADMIN_ENDPOINTS: readonly Endpoint[] = [...VIEWS_OF_ANY_NODE, ...COMMANDS];
