/** Sessions, messages and answers as clients of the guide know them: names with underscores, times in ISO 8601. Pure. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { MessagePage } from '../../conversations/public.ts';
import { correlationOf, leftMs, type NewestAttempt } from '../answers/records.ts';
import { ASSISTANT } from '../ports.ts';
import type { Failure } from '../providers/provider.ts';
import { answerError } from './errors.ts';
import type { SessionView } from '../sessions/view.ts';

type Shown = Readonly<Record<string, JsonValue>>;
type Message = MessagePage['messages'][number];

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function shownSession(session: SessionView): Shown {
  return {
    id: session.id,
    user_id: session.user,
    client_name: session.clientName,
    context: session.context,
    status: session.status,
    metadata: session.metadata,
    created_at: iso(session.createdAt),
    updated_at: iso(session.changedAt),
    last_activity: iso(session.activeAt),
    expires_at: iso(session.expiresAt),
  };
}

/** What an answer says of itself in the metadata of its message, as running-answer.ts stores it. */
interface AnswerFacts {
  readonly question: number;
  readonly attempt: number;
  readonly status: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly tookMs: number;
}

export function shownMessage(
  message: Pick<Message, 'conversation' | 'sequence' | 'from' | 'timestamp'> & Partial<Message>,
): Shown {
  const { conversation: session, sequence, from, timestamp, content = '', clientId, type } = message;
  const metadata = metadataOf(message.metadata ?? {}, session);
  return {
    id: messageIdOf(session, sequence),
    session_id: session,
    sequence,
    type: from === ASSISTANT ? 'assistant' : type === 'system' ? 'system' : 'user',
    content,
    metadata,
    created_at: iso(timestamp),
    // An answer that was stopped or failed halfway is never called whole.
    status: metadata['status'] === undefined || metadata['status'] === 'done' ? 'delivered' : metadata['status'],
    ...(clientId !== undefined && { client_message_id: clientId }),
  };
}

export function messageIdOf(session: string, sequence: number): string {
  return `${session}.${sequence}`;
}

function metadataOf({ answer, ...own }: Readonly<Record<string, JsonValue>>, session: string): Shown {
  if (answer === undefined) return own;
  const { question, attempt, status, model, inputTokens, outputTokens, tookMs } = answer as unknown as AnswerFacts;
  return {
    ...own,
    message_type: ASSISTANT,
    status,
    in_reply_to: messageIdOf(session, question),
    attempt,
    model,
    tokens_used: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    response_time_ms: tookMs,
  };
}

/** What became of the last question, with the error of one that failed. @param now milliseconds since 1970 */
export function shownAnswer(session: string, answer: NewestAttempt | null, now: number): JsonValue {
  if (answer === null) return null;
  const { question, attempt, status, failure, message } = answer;
  const isFailed = status === 'failed' || status === 'interrupted';
  const correlation = correlationOf({ session, question, attempt });
  return {
    in_reply_to: messageIdOf(session, question),
    attempt,
    status,
    message_id: message === null ? null : messageIdOf(session, message),
    ...(isFailed && {
      error: { ...answerError({ failure: failure as Failure | null, retryAfterMs: leftMs(answer, now) }, correlation) },
    }),
  };
}
