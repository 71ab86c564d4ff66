/** The keys of `[apps.assistant]`. */
import type { z } from 'zod';
import type { Zod } from '../vocabulary.ts';

export type Settings = z.output<ReturnType<typeof settings>>;

export function settings(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  return z
    .strictObject({
      provider: z
        .enum(['local', 'anthropic', 'openai', 'bedrock'])
        .default('local')
        .describe('who answers: local makes answers up; the others are servers that speak these interfaces'),
      base_url: z
        .url({ protocol: /^https?$/, error: 'an http or https URL' })
        .optional()
        .describe('where the provider is; without, the service itself'),
      key: z.string().min(1).optional().meta({ secret: 'token' }).describe('key of the provider'),
      region: z
        .string()
        .regex(/^[a-z0-9-]{1,40}$/, 'expected the name of a region, as eu-central-1')
        .optional()
        .describe('region of Amazon Bedrock'),
      model: z.string().min(1).max(200).default('local').describe('the model, as the provider calls it'),
      system: z
        .string()
        .max(20_000)
        .default('You are a helpful assistant. Answer briefly.')
        .describe('what the model is told before a talk'),
      max_answer_tokens: count(1_024, 1, 64_000).describe('tokens of an answer'),
      max_answer: count(32_000, 100, 48_000).describe('characters of an answer; what is longer is cut off'),
      max_question: count(4_000, 1, 10_000).describe('characters of a message to the assistant'),
      history_messages: count(10, 0, 100).describe('messages of the talk that the model is told'),
      history_tokens: count(8_000, 0, 200_000).describe('tokens of them, the oldest left out first'),
      first_delta_ms: count(8_000, 10, 600_000).describe('milliseconds until the answer begins'),
      silence_ms: count(8_000, 10, 600_000).describe('milliseconds between two pieces of an answer'),
      answer_ms: count(60_000, 10, 3_600_000).describe('milliseconds for a whole answer'),
      attempts: count(3, 1, 10).describe('attempts at an answer that has not begun'),
      retry_ms: count(1_000, 1, 60_000).describe(
        'milliseconds before the second attempt; twice as many before each further one',
      ),
      at_once: count(50, 1, 10_000).describe('answers of the provider at the same time, on a node'),
      at_once_per_tenant: z
        .int()
        .min(1)
        .max(10_000)
        .optional()
        .describe('answers of one tenant at the same time, on a node; without, all that the provider has'),
      waiting: count(1_000, 0, 100_000).describe('questions that wait for their turn, on a node'),
      waiting_per_user: count(3, 0, 1_000).describe('questions of one user that wait for their turn'),
      breaker_failures: count(5, 1, 1_000).describe('failures in a row after which the provider is left alone'),
      breaker_open_ms: count(10_000, 10, 3_600_000).describe('milliseconds for which it is left alone'),
      merge_ms: count(20, 0, 1_000).describe('milliseconds over which pieces of an answer are sent together'),
      cache_secs: count(0, 0, 86_400).describe(
        'seconds for which the same question of the same user gets the same answer; 0: never',
      ),
      messages_per_minute: count(60, 1, 100_000).describe('messages of a user'),
      sessions_per_hour: count(10, 1, 100_000).describe('sessions that a user begins'),
      active_sessions: count(10, 1, 100_000).describe('sessions of a user that are active at once'),
      tokens_per_day: count(0, 0, 2_000_000_000).describe('tokens of a user and day; 0: without a bound'),
      session_hours: count(24, 1, 87_600).describe('hours after which a session ends that nobody has written in'),
      guide: z
        .boolean()
        .default(true)
        .describe(
          'REST, streams and a WebSocket for clients of guide 004, below /api/v1/admin/chat (docs/assistant-guide.md)',
        ),
      guide_role: z.string().min(1).max(100).default('admin').describe('role of the tokens that may use them'),
      requests_per_minute: count(100, 1, 1_000_000).describe('requests of a user there, on a node'),
      restore_hours: count(24, 1, 8_760).describe('hours for which a deleted session can be restored'),
    })
    .refine(({ provider, key }) => provider !== 'anthropic' || key !== undefined, {
      path: ['key'],
      message: 'a key: the provider anthropic wants one',
    })
    .refine(({ provider, region }) => provider !== 'bedrock' || region !== undefined, {
      path: ['region'],
      message: 'a region of Amazon Bedrock, as eu-central-1',
    })
    .refine(({ provider, model }) => provider === 'local' || model !== 'local', {
      path: ['model'],
      message: 'a model of the provider: local is known to no other',
    });
}
