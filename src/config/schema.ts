/**
 * Every configuration key, once: type, bounds, default and description. The types, the environment names, the reference
 * page (docs/configuration.md) and config/default.toml are derived from this table.
 */
import { z } from 'zod';
import { topicRule } from './topic-rule.ts';

const LEVELS =
  /^(?:[a-z][a-z0-9-]*=)?(?:trace|debug|info|warn|error)(?:,(?:[a-z][a-z0-9-]*=)?(?:trace|debug|info|warn|error))*$/;

const ALGORITHMS = [
  ...(['HS256', 'HS384', 'HS512'] as const),
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;

const ROLES = ['user', 'service', 'admin'];

/** Whole seconds; at most what a timer can wait. */
const seconds = (fallback: number, min = 1) => z.int().min(min).max(2_147_483).default(fallback);
const count = (fallback: number, min = 1, max = 1_000_000_000) => z.int().min(min).max(max).default(fallback);
const perSecond = (fallback: number) => z.number().positive().max(1_000_000_000).default(fallback);
const flag = (fallback: boolean) => z.boolean().default(fallback);
const roles = () => z.array(z.string().min(1)).default([...ROLES]);
/** What a secret is taken for: a key of any bytes, a token that travels in a header, or text with a form of its own. */
export type SecretKind = 'key' | 'token' | 'text';
/** What the path of a URL is: an address, or a secret as in the URLs of webhooks. */
export type UrlPaths = 'address' | 'secret';
const urlWith = (urlPaths: UrlPaths) => z.url().optional().meta({ urlPaths });
const secret = (kind: SecretKind) => z.string().min(1).optional().meta({ secret: kind });

export const SECTIONS = {
  server: z
    .strictObject({
      host: z.string().min(1).default('0.0.0.0').describe('address to listen on'),
      port: z.int().min(0).max(65_535).default(8081).describe('port to listen on; 0 takes any free one'),
      node_name: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/, '1 to 64 characters [A-Za-z0-9_.-]')
        .optional()
        .describe('name of this node in ids, logs and metrics; default: the host name'),
      trusted_proxies: z
        .array(z.string())
        .default([])
        .describe('addresses and networks (10.0.0.0/8) whose X-Forwarded-For is believed'),
      workers: z
        .int()
        .min(1)
        .max(64)
        .default(1)
        .describe('processes that share the port, each a node of its own; above 1 needs redis.url and admin.port'),
    })
    .describe('The listening socket.'),

  websocket: z
    .strictObject({
      max_connections: count(10_000).describe('connections of this node'),
      max_connections_per_user: count(100).describe('connections of one user on this node'),
      accepts_per_second: count(2_000).describe('new connections per second; more are told to come back'),
      heartbeat_interval_secs: seconds(30).describe('seconds between pings to a client'),
      client_timeout_secs: seconds(60).describe('seconds without anything from a client before it is closed with 4105'),
      stall_timeout_secs: seconds(60).describe(
        'seconds in which a client reads nothing, although messages wait for it, before it is closed with 4109',
      ),
      max_message_size: count(65_536, 1_024, 16_777_216).describe('bytes of a message from a client'),
      max_subscriptions: count(200, 1, 10_000).describe('topics and patterns that a connection may subscribe to'),
      max_matched_topics: count(10_000, 1, 1_000_000).describe(
        'topics that the patterns of a connection may match together',
      ),
      compression: flag(false).describe('permessage-deflate; costs memory and time'),
    })
    .describe('Client connections.'),

  streams: z
    .strictObject({
      heartbeat_interval_secs: seconds(15).describe('seconds between two comments on a stream of events'),
      max_secs: seconds(900, 10).describe(
        'seconds after which a stream of events ends and its client opens the next one; drawn from the last fifth for each',
      ),
      max_topics: count(50, 1, 100).describe('topics of one stream of events or one poll'),
      max_wait_ms: count(25_000, 1, 600_000).describe('milliseconds that a poll may wait for news'),
    })
    .describe('Clients without WebSocket: streams of events, polls.'),

  actor_system: z
    .strictObject({
      mailbox_capacity: count(1_000).describe('messages that may wait for a connection; the oldest give way'),
      mailbox_bytes: count(1_048_576, 1_024).describe('bytes that may wait for a connection'),
      mailboxes_total_bytes: count(268_435_456, 65_536, 1_099_511_627_776).describe(
        'bytes that may wait for all connections of the node together; the fattest mailbox gives way first',
      ),
      overflow_strategy: z
        .literal('drop_oldest')
        .default('drop_oldest')
        .describe('what gives way when a mailbox is full; logged messages are replayed from the log afterwards'),
      control_capacity: count(1_000).describe('replies that may wait for a connection; one more closes it with 4108'),
      inbound_capacity: count(1_000).describe('frames of a client that may wait to be handled; more are refused'),
      max_restarts: z
        .int()
        .min(0)
        .max(1_000)
        .default(5)
        .describe('restarts of an actor within the window; the next failure stops it'),
      restart_window_secs: seconds(60).describe('the window of max_restarts'),
      dead_letters: count(100, 1, 100_000).describe('messages kept that could not be handled'),
      flush_slice_ms: z
        .number()
        .min(0.1)
        .max(1_000)
        .default(5)
        .describe('milliseconds of deliveries in a row before the event loop gets its turn'),
      coalesce_ms: z
        .number()
        .min(0)
        .max(1_000)
        .default(0)
        .describe(
          'milliseconds between two rounds of deliveries, at least, so that publications share writes; a node that is busy for longer does not wait; 0 delivers at once',
        ),
    })
    .describe('Actors, their mailboxes and their supervision.'),

  auth: z
    .strictObject({
      jwt_secret: secret('key').describe('secret of HS256, HS384 and HS512 tokens; at least 32 bytes in production'),
      jwt_previous_secret: secret('key').describe('a second secret that is still accepted, while keys are rotated'),
      public_key: secret('text').describe(
        'public key (PEM) of RS, PS, ES or EdDSA tokens; name their algorithms in auth.algorithms',
      ),
      jwks_url: urlWith('address').describe(
        'URL of a key set (RFC 7517): its keys may sign tokens; fetched again for unknown key ids',
      ),
      jwks_min_interval_secs: seconds(30).describe('seconds between two fetches of the key set, at least'),
      jwks_max_age_secs: seconds(600).describe('a key set older than this is fetched again when it is used'),
      algorithms: z
        .array(z.enum(ALGORITHMS))
        .min(1)
        .default(['HS256'])
        .describe('algorithms accepted, whatever a token asks for'),
      issuer: z.string().optional().describe('the iss claim that tokens must have'),
      audience: z.string().optional().describe('the aud claim that tokens must have'),
      leeway_secs: seconds(60, 0).describe('tolerance for clocks that differ'),
      require_expiry: flag(true).describe('refuse tokens without exp'),
      query_token: flag(true).describe('accept ?token=; query strings end in the logs of proxies'),
      cache_size: count(20_000).describe('verified tokens remembered, by digest'),
      failures_per_minute: count(60).describe('failed tokens per address and minute before the address has to wait'),
    })
    .describe('Tokens of clients.'),

  security: z
    .strictObject({
      allowed_origins: z
        .array(z.string())
        .default([])
        .describe(
          'origins of web pages that may connect: exact, or https://*.example.com; loopback is every port of this machine, null and file:// are pages opened as files',
        ),
    })
    .describe('Web pages that may connect. Programs send no Origin and are known by their token.'),

  rate_limiting: z
    .strictObject({
      enabled: flag(true).describe('whether the rates below are enforced'),
      connection_rps: perSecond(100).describe('tokens per second of a connection'),
      connection_burst: count(200).describe('tokens that a connection may spend at once'),
      user_rps: perSecond(500).describe('tokens per second of all connections of a user on this node'),
      user_burst: count(1_000).describe('tokens that a user may spend at once'),
      global_rps: perSecond(10_000).describe('tokens per second of the node'),
      global_burst: count(20_000).describe('tokens that the node gives at once'),
    })
    .describe(
      'Token buckets. One token a frame, and one for each further 8 KiB of its message; History and GetMissedMessages cost 5, Subscribe one per 10 topics, a position a tenth.',
    ),

  topics: z
    .strictObject({
      history: count(1_000, 0).describe('messages kept per topic; 0 makes topics ephemeral'),
      age_secs: seconds(3_600).describe('how long messages are kept'),
      max_bytes: count(67_108_864, 1_024).describe('bytes kept per topic'),
      total_bytes: count(1_073_741_824, 65_536, 1_099_511_627_776).describe(
        'bytes kept for all topics of the in-memory broker; the largest logs are shortened first',
      ),
      max_topics: count(100_000).describe(
        'topics, without inboxes of direct messages: of this node, with Redis of all nodes together',
      ),
      max_topics_per_user: z
        .int()
        .min(1)
        .optional()
        .describe(
          'topics, and in the same way inboxes, that one user has made; beyond, the oldest of them that nobody uses is forgotten; default: a quarter of max_topics, of max_inboxes',
        ),
      max_topics_per_tenant: z
        .int()
        .min(1)
        .optional()
        .describe(
          'the same for one tenant, except those without a tenant; default: half of max_topics, of max_inboxes',
        ),
      max_inboxes: count(100_000).describe(
        'inboxes of direct messages: of this node, with Redis of all nodes together',
      ),
      rest_secs: seconds(600).describe(
        'silence after which a node lets go of a topic that only patterns bring; it goes on with its next message',
      ),
      linger_secs: seconds(60).describe('how long a topic stays open on a node after its last subscriber left'),
      subscribe: roles().describe('roles that may subscribe'),
      publish: roles().describe('roles that may publish'),
      presence: z
        .enum(['off', 'user', 'connection'])
        .default('off')
        .describe('whether it is kept who is present in topics: users, or each of their connections'),
      direct_history: count(100).describe('direct messages kept per user'),
      direct_per_sender: count(50).describe(
        'unread direct messages of one sender in an inbox that also has unread ones of others',
      ),
      direct_age_secs: seconds(86_400).describe('how long direct messages are kept'),
      direct_publish: roles().describe('roles that may send direct messages'),
      idempotency_window_secs: seconds(300).describe('how long an idempotency_key is remembered'),
      idempotency_keys: count(1_000_000).describe(
        'idempotency keys remembered at most; beyond, publishing with a key is refused for a while',
      ),
      rules: z.array(topicRule).default([]).describe('exceptions by pattern, the first that matches counts'),
    })
    .describe('How long messages are kept, and who may do what. Rules override the values of the section.'),

  presence: z
    .strictObject({
      enter: roles().describe('roles that may be present in topics that keep it'),
      read: roles().describe('roles that may see who is present'),
      count: roles().describe('roles that may see how many are present'),
      grace_secs: seconds(15).describe('how long somebody stays present after the connection is gone'),
      data_bytes: count(1_024, 2, 16_384).describe('bytes of JSON that somebody who is present may say of itself'),
      per_connection: count(50, 1, 10_000).describe('topics in which one connection may be present'),
      changes_per_10_secs: count(10, 1, 10_000).describe(
        'changes of one connection in 10 s that are made at once; more wait, and the newest counts; ten times as many are refused',
      ),
      batch_ms: count(250, 1, 60_000).describe('milliseconds in which the changes of a topic are collected'),
      large_batch_ms: count(1_000, 1, 60_000).describe('the same for topics with more than 100 members'),
      threshold: count(200).describe('members from which readers are told how many are there, not who'),
      threshold_back: count(150).describe('members below which readers are told again who is there'),
      max_members_listed: count(10_000).describe('members up to which they are listed; beyond, only counted'),
    })
    .describe('Presence in topics (docs/presence.md). It is kept where topics.presence or a rule says so.'),

  session: z
    .strictObject({
      ttl_secs: seconds(3_600).describe('how long a session is kept after its connection ended'),
      capacity: count(100_000).describe(
        'sessions kept in memory; beyond, the oldest of the user who has the most leave first',
      ),
      per_user: count(1_000).describe(
        'sessions of one user that are kept, with Redis those of all nodes; their oldest leave first',
      ),
      per_tenant: count(50_000).describe(
        'sessions of one tenant that are kept, with Redis those of all nodes; beyond, the oldest of its user who has the most leave first. Users without a tenant have no such bound',
      ),
    })
    .describe('What is remembered of a connection after its end.'),

  redis: z
    .strictObject({
      url: secret('text').describe(
        'Redis 7.0 or later for several nodes: redis://host:6379/0, redis+sentinel://host:26379,…/master, redis+cluster://host:6379,…; rediss for TLS; default: the in-memory broker',
      ),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/, '1 to 64 characters [A-Za-z0-9_.-]')
        .default('signalbox')
        .describe('what all keys and channels begin with; nodes of one service share it'),
      deployment: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/, '1 to 64 characters [A-Za-z0-9_.-]')
        .optional()
        .describe(
          'name of the service, left in Redis so that another with the same prefix and database is refused; default: services are told apart by the keys of their tokens',
        ),
      command_timeout_ms: count(1_000, 10, 60_000).describe('milliseconds after which a command counts as unanswered'),
      connect_timeout_ms: count(2_000, 10, 60_000).describe(
        'milliseconds to connect; after them a node starts without Redis',
      ),
      retry_max_ms: count(250, 10, 60_000).describe('longest pause between attempts to connect, in milliseconds'),
      breaker_failures: count(5, 1, 1_000).describe('unanswered calls in a row that open the circuit breaker'),
      breaker_open_ms: count(500, 10, 60_000).describe(
        'milliseconds that the breaker stays open before one call may try',
      ),
      start_without_orders: flag(false).describe(
        'whether a node takes clients before it has read from Redis what was revoked and ordered; until then it accepts revoked tokens too',
      ),
      wait_replicas: count(0, 0, 100).describe(
        'replicas that must have a message before it is acknowledged (WAIT); costs a round trip to them, not for a cluster',
      ),
      wait_timeout_ms: count(500, 1, 60_000).describe(
        'milliseconds to wait for the replicas; then the outcome is unknown',
      ),
      pending_messages: count(10_000).describe('publishes that may wait for an answer of Redis; more are refused'),
      pending_bytes: count(33_554_432, 1_024).describe('characters of publishes that may wait for an answer of Redis'),
      reads_at_once: count(16, 1, 1_000).describe('reads of logs under way; the others wait for their turn'),
      tails_total_bytes: count(67_108_864, 65_536, 1_099_511_627_776).describe(
        'memory for the newest messages of followed topics, from which replays are served',
      ),
      compare_secs: seconds(20).describe('seconds of silence after which a topic is compared with its log'),
      topic_ttl_secs: z
        .int()
        .min(3_600)
        .max(315_360_000)
        .default(2_592_000)
        .describe('how long an unused topic keeps its epoch and sequence'),
    })
    .describe('The distributed broker. Without a url a node keeps its topics in memory.'),

  admin: z
    .strictObject({
      token: secret('token').describe('bearer token of operators; at least 32 bytes in production'),
      port: z
        .int()
        .min(0)
        .max(65_535)
        .optional()
        .describe('serve /admin only on this port; default: on server.port, 0 takes any free one'),
      host: z.string().min(1).default('127.0.0.1').describe('address of admin.port'),
      alert_webhook: urlWith('secret').describe('URL that gets a POST when an actor was stopped'),
    })
    .describe('Operators.'),

  logging: z
    .strictObject({
      level: z
        .string()
        .regex(LEVELS, 'levels (trace, debug, info, warn, error), also per room: info,connection=debug')
        .default('info')
        .describe('level, and levels of single rooms: info,connection=debug,router=trace'),
      format: z.enum(['json', 'pretty']).default('json').describe('json, or pretty for reading on a terminal'),
    })
    .describe('The log on standard output.'),

  metrics: z
    .strictObject({
      enabled: flag(true).describe('serve /metrics and /metrics.json'),
    })
    .describe('Prometheus metrics.'),

  trace: z
    .strictObject({
      topics: z
        .array(z.string())
        .default([])
        .describe(
          'topics whose messages are traced from the start: names, patterns, or @user:<user id> for direct messages, with tenant/ before it where there are tenants',
        ),
      messages: count(1_000, 1, 100_000).describe('traced messages kept; the oldest leave first'),
      recipients: count(100, 1, 10_000).describe('recipients listed per traced message; the rest is counted'),
    })
    .describe('The message trace (docs/tracing.md); operators can switch it on and off at run time.'),

  shutdown: z
    .strictObject({
      grace_secs: seconds(25).describe('how long connections may take to leave when the server is told to stop'),
      closes_per_second: count(200).describe('connections closed per second, unless grace_secs asks for more'),
    })
    .describe('The end of a node.'),

  apps: z
    .strictObject({
      modules: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'modules of applications that run in the server: paths relative to the file that names them, or packages; the others are switched on by their section',
        ),
      deadline_ms: count(5_000, 10, 600_000).describe(
        'milliseconds in which an application answers a frame, a request or an event, unless it says otherwise',
      ),
      blocking_ms: count(50, 1, 60_000).describe(
        'an application that keeps the event loop from everybody else for so long is named in the log',
      ),
      decision_timeout_ms: count(2_000, 10, 60_000).describe(
        'milliseconds in which the owner of a topic decides who may act; without an answer it is a refusal for now',
      ),
      decision_age_secs: seconds(60, 0).describe('how long such a decision is remembered'),
      decisions: count(100_000).describe('decisions remembered at most; the oldest leave first'),
    })
    .describe('Applications (docs/applications.md). Each has a section of its own beside these keys: [apps.NAME].'),
} as const;

/** Tables below `[apps]`: the sections of applications, by name. Each application checks its own. */
const appSections = z.record(z.string(), z.record(z.string(), z.unknown())).default({});

export const schema = z.strictObject({
  profile: z
    .enum(['production', 'development'])
    .default('production')
    .describe('development generates missing secrets and accepts short ones'),
  server: SECTIONS.server.prefault({}),
  websocket: SECTIONS.websocket.prefault({}),
  streams: SECTIONS.streams.prefault({}),
  actor_system: SECTIONS.actor_system.prefault({}),
  auth: SECTIONS.auth.prefault({}),
  security: SECTIONS.security.prefault({}),
  rate_limiting: SECTIONS.rate_limiting.prefault({}),
  topics: SECTIONS.topics.prefault({}),
  presence: SECTIONS.presence.prefault({}),
  session: SECTIONS.session.prefault({}),
  redis: SECTIONS.redis.prefault({}),
  admin: SECTIONS.admin.prefault({}),
  logging: SECTIONS.logging.prefault({}),
  metrics: SECTIONS.metrics.prefault({}),
  trace: SECTIONS.trace.prefault({}),
  shutdown: SECTIONS.shutdown.prefault({}),
  apps: SECTIONS.apps.extend({ sections: appSections }).prefault({}),
});

export type Config = z.output<typeof schema>;
/** The same as it may be written: every section and every key may be missing. Tables below `apps` are sections of applications. */
export type ConfigInput = Omit<z.input<typeof schema>, 'apps'> & {
  readonly apps?: z.input<typeof SECTIONS.apps> & { readonly [name: string]: unknown };
};
export type TopicRule = z.output<typeof topicRule>;

/** The names that people try first, beside `SIGNALBOX_SECTION_KEY`. */
export const SHORT_NAMES: Readonly<Record<string, string>> = {
  PORT: 'server.port',
  HOST: 'server.host',
  JWT_SECRET: 'auth.jwt_secret',
  JWT_PUBLIC_KEY: 'auth.public_key',
  JWKS_URL: 'auth.jwks_url',
  ADMIN_TOKEN: 'admin.token',
  LOG_LEVEL: 'logging.level',
  LOG_FORMAT: 'logging.format',
  MAX_CONNECTIONS: 'websocket.max_connections',
  REDIS_URL: 'redis.url',
};

export const PREFIX = 'SIGNALBOX_';
