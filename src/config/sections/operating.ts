/** The sections of the configuration that say what operators see and steer, and the applications. */
import { z } from 'zod';
import { LEVELS, seconds, count, flag, urlWith, secret } from '../key-types.ts';

export const OPERATING = {
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
      console: z
        .boolean()
        .optional()
        .describe('serve the console for operators at /admin/console; default: only in development'),
      console_socket_url: urlWith('address').describe(
        'where the console reaches the WebSocket of clients, as wss://example.com/ws; default: server.port of the host that the page comes from',
      ),
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
