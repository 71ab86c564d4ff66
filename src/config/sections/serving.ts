/** The sections of the configuration that say what a node takes from clients and gives them. */
import { z } from 'zod';
import { ALGORITHMS, seconds, count, perSecond, flag, urlWith, secret } from '../key-types.ts';

export const SERVING = {
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

  socketio: z
    .strictObject({
      enabled: flag(false).describe('whether clients of Socket.IO are served, at /socket.io/'),
      transports: z
        .array(z.enum(['polling', 'websocket']))
        .min(1)
        .default(['polling', 'websocket'])
        .describe('what they may come over; polls of one client must reach one node (docs/socketio.md)'),
      connect_timeout_secs: seconds(20).describe('seconds in which a session has to be let into a namespace'),
      recovery_topics: count(16, 0, 100).describe(
        'topics and patterns of a connection that may be recovered after a break; 0 recovers nothing',
      ),
    })
    .describe('Clients of Socket.IO.'),

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
      connection_burst: count(200).describe(
        'tokens that a connection may spend at once; above 4,096 a burst is read in one piece, and others wait for it (docs/protocol.md)',
      ),
      user_rps: perSecond(500).describe('tokens per second of all connections of a user on this node'),
      user_burst: count(1_000).describe('tokens that a user may spend at once'),
      global_rps: perSecond(10_000).describe('tokens per second of the node'),
      global_burst: count(20_000).describe('tokens that the node gives at once'),
    })
    .describe(
      'Token buckets. One token a frame, and one for each further 8 KiB of its message; History and GetMissedMessages cost 5, Subscribe one per 10 topics, a position a tenth.',
    ),
} as const;
