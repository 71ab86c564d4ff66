/** The keys of `[apps.webhooks]`. */
import type { z } from 'zod';
import { isSupportedPattern, isTopicName } from '../../protocol/topic.ts';
import type { Zod } from '../vocabulary.ts';
import { FRAME_TYPE } from '../frame-type.ts';
import { keyOf, SECRET_FORM } from './signature.ts';

const ASKED = ['connecting', 'subscribing', 'publishing', 'presence'] as const;
const TOLD = ['connected', 'disconnected', 'subscribed', 'unsubscribed', 'published', 'node_started'] as const;

export type Told = (typeof TOLD)[number];
export type Settings = z.output<ReturnType<typeof settings>>;

const hasNoUser = (url: string): boolean => !URL.canParse(url) || new URL(url).username === '';

export function isTopicOrPattern(text: string): boolean {
  return isTopicName(text) || isSupportedPattern(text);
}

export function settings(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  const secret = () =>
    z
      .string()
      .refine((text) => keyOf(text) !== null, SECRET_FORM)
      .meta({ secret: 'token' });
  const patterns = () =>
    z.array(z.string().refine(isTopicOrPattern, 'a topic, or a pattern with a literal first segment'));
  const whenDown = (event: string) =>
    z.enum(['refuse', 'allow']).default('refuse').describe(`what becomes of ${event} when the backend does not answer`);
  return z
    .strictObject({
      url: z
        .url({ protocol: /^https?$/, error: 'an http or https URL' })
        .refine(hasNoUser, 'a URL without user and password: requests are signed')
        .meta({ urlPaths: 'secret' })
        .describe('where everything is sent to, by POST'),
      secret: secret().describe(`signs what is sent: ${SECRET_FORM}`),
      previous_secret: secret().optional().describe('signs as well, while secrets are rotated'),
      ask: z.array(z.enum(ASKED)).default([]).describe('what waits for the answer of the backend'),
      topics: patterns().default([]).describe('topics that subscribing, publishing and presence are asked for'),
      frames: z
        .array(z.string().regex(FRAME_TYPE, 'a frame type as X-Order, or X-Shop-* for all that begin so'))
        .default([])
        .describe('application-defined frames that the backend answers: types, or X-Shop-* for all that begin so'),
      connecting_when_down: whenDown('a client that connects'),
      subscribing_when_down: whenDown('a subscription'),
      publishing_when_down: whenDown('a message'),
      presence_when_down: whenDown('a client that enters, reads or counts'),
      timeout_ms: count(1_500, 10, 60_000).describe(
        'milliseconds for an answer, waiting for a place included; less than apps.decision_timeout_ms',
      ),
      concurrency: count(50, 1, 1_000).describe('questions under way at once'),
      waiting: count(1_000, 0, 100_000).describe(
        'questions that may wait for a place; those beyond count as not answered',
      ),
      max_answer_bytes: count(65_536, 1_024, 1_048_576).describe('bytes of an answer; a longer one is cut and refused'),
      remembered_answers: count(10_000, 0, 1_000_000).describe('answers remembered for the seconds that they name'),
      breaker_failures: count(5, 1, 1_000).describe(
        'questions in a row without an answer after which none is sent for a while',
      ),
      breaker_open_ms: count(5_000, 100, 600_000).describe('how long none is sent; then one tries'),
      tell: z.array(z.enum(TOLD)).default([]).describe('what the backend is told after the fact'),
      tell_topics: patterns().optional().describe('topics whose subscriptions and messages are told; default: all'),
      tell_payloads: z.boolean().default(false).describe('tell what was published, and not only that it was'),
      queue: z
        .enum(['file', 'shared'])
        .default('file')
        .describe('where events wait: in a directory of each node, or for all nodes together where redis.url says'),
      queue_dir: z.string().min(1).optional().describe('directory of the queue; each node has one of its name in it'),
      queue_events: count(1_000_000, 10, 100_000_000).describe('events that may wait; the oldest become dead letters'),
      queue_bytes: count(268_435_456, 65_536, 1_099_511_627_776).describe('bytes of events that may wait'),
      batch_events: count(100, 1, 1_000).describe('events in one request'),
      batch_bytes: count(262_144, 1_024, 16_777_216).describe('bytes of events in one request'),
      tell_timeout_ms: count(10_000, 10, 60_000).describe('milliseconds for the backend to take a batch'),
      retry_first_ms: count(500, 1, 60_000).describe('before the second attempt; twice as long after each failure'),
      retry_max_ms: count(60_000, 1, 3_600_000).describe('between two attempts at most'),
      attempts: count(8, 1, 1_000).describe('attempts with an event alone, while the backend answers with errors'),
      max_age_secs: count(86_400, 1, 31_536_000).describe(
        'an event this old becomes a dead letter with the next failure',
      ),
      dead_letters: count(1_000, 1, 100_000).describe('events kept that could not be delivered'),
    })
    .refine(
      ({ tell, queue, queue_dir: directory }) => tell.length === 0 || queue !== 'file' || directory !== undefined,
      {
        path: ['queue_dir'],
        message: 'a directory that outlives the process, because tell is set (or queue = "shared")',
      },
    )
    .refine(({ ask, topics }) => topics.length > 0 || !ask.some((event) => event !== 'connecting'), {
      path: ['topics'],
      message: 'the topics that subscribing, publishing or presence is asked for',
    });
}
