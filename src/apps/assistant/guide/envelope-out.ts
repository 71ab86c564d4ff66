/** What clients are told in the guide's envelope: publications of sessions, and what became of what they said. Pure. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { DialectMessage } from '../../dialect.ts';
import { ASSISTANT } from '../ports.ts';
import type { ChatError } from './errors.ts';
import { iso, messageIdOf, shownMessage } from './shown.ts';

type Fields = Readonly<Record<string, JsonValue>>;

type EnvelopeType = 'message' | 'typing' | 'status' | 'error' | 'presence' | 'ack' | 'heartbeat' | 'delta';

export interface Envelope {
  readonly type: EnvelopeType;
  readonly session?: string;
  readonly messageId?: string;
  readonly content?: string;
  readonly metadata?: Fields;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Of a stored message: where a stream goes on. */
  readonly eventId?: string;
}

export function messageOf({
  type,
  session,
  messageId,
  content = '',
  metadata = {},
  at,
  eventId,
}: Envelope): DialectMessage {
  return {
    event: type,
    ...(eventId !== undefined && { id: eventId }),
    json: {
      type,
      ...(session !== undefined && session !== '' && { session_id: session }),
      ...(messageId !== undefined && messageId !== '' && { message_id: messageId }),
      content,
      metadata,
      timestamp: iso(at),
    },
  };
}

export function errorEnvelope(
  error: ChatError,
  { session, messageId, at }: Pick<Envelope, 'session' | 'messageId' | 'at'>,
): Envelope {
  const { message: content, ...metadata } = error;
  return {
    type: 'error',
    content,
    metadata,
    at,
    ...(session !== undefined && { session }),
    ...(messageId !== undefined && { messageId }),
  };
}

/** A stored message. @param clientId under which its sender has sent it */
export function storedEnvelope(
  session: string,
  {
    sequence,
    from,
    timestamp,
    payload,
  }: { readonly sequence: number; readonly from: string; readonly timestamp: number; readonly payload: Fields },
): Envelope {
  const message = { ...payload, conversation: session, sequence, from, timestamp };
  const { id, content, metadata, type, status } = shownMessage(message);
  return {
    type: 'message',
    session,
    messageId: id as string,
    content: content as string,
    metadata: { ...(metadata as Fields), message_type: type ?? null, status: status ?? null, sequence },
    at: timestamp,
    eventId: String(sequence),
  };
}

/** What nobody keeps: who types, and the text of an answer while it grows. `null`: nothing that clients of the guide know. */
export function liveEnvelope(session: string, payload: Fields, at: number): Envelope | null {
  const { event, user, isTyping, question, attempt, from, text } = payload;
  switch (event) {
    case 'typing':
      return {
        type: 'typing',
        session,
        content: String(isTyping === true),
        metadata: { user_id: user ?? ASSISTANT, message_type: user === ASSISTANT ? ASSISTANT : 'user' },
        at,
      };
    case 'answer.delta':
      return {
        type: 'delta',
        session,
        content: typeof text === 'string' ? text : '',
        metadata: { in_reply_to: messageIdOf(session, Number(question)), attempt: attempt ?? 1, from: from ?? 0 },
        at,
      };
    case 'user_online':
    case 'user_offline':
      return {
        type: 'presence',
        session,
        content: event === 'user_online' ? 'online' : 'offline',
        metadata: { user_id: user ?? null },
        at,
      };
    default:
      return null;
  }
}
