/** The keys of `[apps.bridge]`. */
import type { z } from 'zod';
import type { Zod } from '../vocabulary.ts';

const MIB = 1_048_576;

export type Settings = z.output<ReturnType<typeof settings>>;

export function settings(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  const address = (fallback: string) =>
    z
      .string()
      .regex(/^https?:\/\/[^\s/]+(?:\/[^\s]*)?$/, 'an http or https URL')
      .refine((url) => !url.endsWith('/'), 'a URL without / at its end')
      .default(fallback);
  return z.strictObject({
    verify_token: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ secret: 'token' })
      .describe('the word that Meta is told for the handshake of its webhook; without, every handshake is refused'),
    graph_url: address('https://graph.facebook.com').describe("where Meta's Graph API is"),
    graph_version: z
      .string()
      .regex(/^v\d+\.\d+$/, 'a version such as v23.0')
      .default('v23.0')
      .describe('version of the Graph API'),
    genesys_api_url: address('https://api.{region}').describe(
      'where the API of Genesys is; {region} is that of the credentials of a tenant',
    ),
    genesys_login_url: address('https://login.{region}').describe('where its tokens come from'),
    agents: z
      .array(z.string().min(1).max(256))
      .max(100)
      .default([])
      .describe(
        'users who read every new conversation with a customer; settings.agents of a tenant says others for that tenant',
      ),
    max_body_bytes: count(10 * MIB, 1_024, 100 * MIB).describe('bytes of a webhook'),
    answer_ms: count(2_500, 100, 8_000).describe(
      'milliseconds after which a webhook is answered with 503, when its tenant was not found or the queue has not taken it by then',
    ),
    idle_hours: count(24, 1, 8_760).describe('hours of silence after which a new message begins a new conversation'),
    messages_per_second: count(80, 1, 1_000).describe('messages a second that a number of a business sends'),
    attempts: count(8, 1, 100).describe('times that a message is tried before it is a dead letter'),
    retry_ms: count(1_000, 1, 600_000).describe(
      'milliseconds before the second attempt; twice as many before each further one, with jitter',
    ),
    max_retry_ms: count(60_000, 1, 3_600_000).describe('the longest pause between two attempts'),
    call_ms: count(10_000, 100, 60_000).describe('milliseconds for a call of Meta or Genesys'),
    settle_ms: count(5_000, 1, 600_000).describe(
      'milliseconds in which a status may still tell what became of a message whose answer was lost',
    ),
    works: z
      .boolean()
      .default(true)
      .describe('whether this node works at the queues; one that does not takes webhooks alone'),
    at_once: count(64, 1, 1_000).describe('messages of a queue that a node works at, each of another customer'),
    media_bytes: count(20 * MIB, 1, 100 * MIB).describe('bytes of a file of a customer'),
    media_wait_ms: count(2_000, 0, 30_000).describe(
      'milliseconds that a message waits for its file; then its text goes ahead, and the file follows',
    ),
    media_ms: count(60_000, 100, 600_000).describe('milliseconds for a file'),
    link_secs: count(86_400, 60, 604_800).describe('seconds for which Genesys can get a file by its link'),
    token_ahead_secs: count(60, 1, 3_600).describe('seconds before its end at which a token of Genesys is replaced'),
    keep_days: count(30, 1, 3_650).describe(
      'days for which the way of a message is kept; its words are kept by conversations',
    ),
  });
}
