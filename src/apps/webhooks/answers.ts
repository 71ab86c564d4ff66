/** What the backend may answer to a question, and whether what came is that: a JSON object with these fields and no others. */
import { z } from 'zod';
import type { JsonValue } from '../../protocol/frames.ts';
import { isTopicOrPattern } from './settings.ts';
import type { Answer, Failed, NoAnswer } from './backend.ts';

const MAX_SUBSCRIPTIONS = 100;
const MAX_MESSAGE = 500;
/** A day: longer than any right should outlive its change. */
const MAX_REMEMBERED_SECS = 86_400;

const rememberSecs = z.number().min(0).max(MAX_REMEMBERED_SECS).optional();

const yes = z.strictObject({ allow: z.literal(true), remember_secs: rememberSecs });

const denial = z.strictObject({
  allow: z.literal(false),
  /** For the client, in words. */
  message: z.string().max(MAX_MESSAGE).optional(),
  /** For the client's program: `details.code` of its Error. */
  code: z
    .string()
    .regex(/^[a-z0-9_.-]{1,64}$/)
    .optional(),
  remember_secs: rememberSecs,
});

export type Denial = z.output<typeof denial>;

/** One schema for each question. */
const ANSWERS = {
  connecting: z.union([
    z.strictObject({
      allow: z.literal(true),
      subscribe: z
        .array(z.string().refine(isTopicOrPattern, 'expected a topic or pattern'))
        .max(MAX_SUBSCRIPTIONS)
        .optional(),
      remember_secs: rememberSecs,
    }),
    denial,
  ]),
  subscribing: z.union([yes, denial]),
  presence: z.union([yes, denial]),
  publishing: z.union([
    z.strictObject({ allow: z.literal(true), payload: z.custom<JsonValue>().optional() }),
    denial.omit({ remember_secs: true }),
  ]),
  frame: z.union([
    z.strictObject({ allow: z.literal(true), data: z.record(z.string(), z.custom<JsonValue>()).optional() }),
    denial.omit({ remember_secs: true }),
  ]),
};

export type Question = keyof typeof ANSWERS;
export type AnswerTo<Q extends Question> = z.output<(typeof ANSWERS)[Q]>;

/** Why there is no answer: the backend is away or cannot answer now, or we do not even ask. */
type Down = Exclude<NoAnswer, 'too_large'> | 'status' | 'breaker_open' | 'busy';
/** Why an answer that came is none. */
type Wrong = 'too_large' | 'redirect' | 'client_error' | 'content_type' | 'not_json' | 'schema';

export type Outcome<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'down'; readonly why: Down; readonly detail: string; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'wrong'; readonly why: Wrong; readonly detail: string };

/** Statuses with which a backend says that it will answer later. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

export function readAnswer<Q extends Question>(question: Q, reply: Answer | Failed): Outcome<AnswerTo<Q>> {
  if ('failure' in reply)
    return reply.failure === 'too_large'
      ? wrong('too_large', reply.detail)
      : { kind: 'down', why: reply.failure, detail: reply.detail, retryAfterMs: undefined };
  const { status, contentType, retryAfterMs } = reply;
  if (status >= 500 || LATER.has(status))
    return { kind: 'down', why: 'status', detail: `status ${status}`, retryAfterMs };
  if (status >= 300 && status < 400) return wrong('redirect', `status ${status}: redirects are not followed`);
  if (status !== 200) return wrong('client_error', `expected status 200, got ${status}`);
  if (contentType !== 'application/json')
    return wrong('content_type', `expected application/json, got ${contentType === '' ? 'no type' : contentType}`);
  return readBody(question, reply.body);
}

function readBody<Q extends Question>(question: Q, body: Buffer): Outcome<AnswerTo<Q>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return wrong('not_json', 'expected JSON in UTF-8, got something else');
  }
  const parsed = ANSWERS[question].safeParse(value);
  if (parsed.success) return { kind: 'answer', answer: parsed.data as AnswerTo<Q> };
  return wrong('schema', z.prettifyError(parsed.error).replaceAll('\n', '; '));
}

function wrong(why: Wrong, detail: string): { kind: 'wrong'; why: Wrong; detail: string } {
  return { kind: 'wrong', why, detail };
}
