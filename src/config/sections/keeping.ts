/** The sections of the configuration that say what a node keeps of topics, presence and sessions, and where. */
import { z } from 'zod';
import { seconds, count, flag, roles, secret } from '../key-types.ts';
import { topicRule } from '../topic-rule.ts';

export const KEEPING = {
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

  database: z
    .strictObject({
      url: secret('text').describe(
        'PostgreSQL 15 or later: postgresql://user:password@host:5432/name?sslmode=verify-full; default: a database in the process of the node',
      ),
      folder: z
        .string()
        .min(1)
        .optional()
        .describe('folder of the database in the process, one per node; default: in memory, gone with the process'),
      migrate: flag(false).describe(
        'whether a node makes missing tables when it starts; if not, it waits for signalbox database migrate. A database in the process has its tables always',
      ),
      pool_max: count(20, 1, 1_000).describe('connections of a node to PostgreSQL at most'),
      pool_idle_secs: seconds(30).describe('how long a connection stays open that nobody uses'),
      pool_waiting: count(1_000).describe('queries and transactions that may wait for a connection; more are refused'),
      connect_timeout_ms: count(2_000, 10, 60_000).describe(
        'milliseconds to wait for a connection; then the request is refused with a temporary error',
      ),
      statement_timeout_ms: count(10_000, 10, 3_600_000).describe(
        'milliseconds after which PostgreSQL cancels a statement; migrations take as long as they take',
      ),
      slow_statement_ms: count(1_000, 1, 3_600_000).describe(
        'milliseconds after which a statement is a warning in the log, with its text and without its values',
      ),
    })
    .describe(
      'The database of applications (docs/database.md). It is opened when an application runs that keeps something in it.',
    ),

  queue: z
    .strictObject({
      kind: z
        .enum(['auto', 'memory', 'redis', 'rabbitmq'])
        .default('auto')
        .describe(
          'where queues are kept; auto: at RabbitMQ where queue.url is set, else in Redis where redis.url is set, else in memory',
        ),
      url: secret('text').describe('RabbitMQ: amqp://user:password@host:5672/vhost, or amqps:// for TLS'),
      lease_secs: seconds(15, 2).describe(
        'silence of a node after which the messages in its hands are handed to others, with Redis',
      ),
      max_messages: count(100_000).describe('messages that may wait in a queue; more are refused'),
      max_message_bytes: count(1_048_576, 1_024, 16_777_216).describe(
        'bytes of a message with its key and its headers; a larger one is refused',
      ),
      max_dead: count(10_000).describe('dead letters that are kept of a queue; beyond, the oldest give way'),
      memory_bytes: count(67_108_864, 65_536, 1_099_511_627_776).describe(
        'characters of all messages that wait in a queue in memory; more are refused',
      ),
    })
    .describe('The queues of applications (docs/queues.md). There are none without an application that names one.'),
} as const;
