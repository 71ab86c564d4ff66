/** Arguments of events of Socket.IO, as clients of both guides give them, and answers to their frames. */
import type { JsonValue } from '../../protocol/frames.ts';
import type { EventAnswer } from '../app.ts';
import { present, type FacadeMessage } from './facade-message.ts';
import { renamedText } from './field-names.ts';
import { placeOf } from './message-id.ts';

type Given = JsonValue | undefined;

export function recordOf(value: Given): Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, JsonValue>)
    : {};
}

export function textIn(given: Given, name: string): string | undefined {
  const value = recordOf(given)[name];
  return typeof value === 'string' ? value : undefined;
}

/** The conversation: the argument itself, or its `conversationId`. Anything but a text names a conversation that does not exist. */
export function idIn(given: Given): string {
  const id = typeof given === 'string' ? given : textIn(given, 'conversationId');
  return id === undefined || id === '' ? 'none' : id;
}

export function errorOf(
  answer: EventAnswer,
  names: Readonly<Record<string, string>>,
): {
  readonly message: string;
  readonly error: string;
  readonly code: string;
} {
  const error = recordOf(answer['error']);
  const message = renamedText(textIn(error, 'message') ?? '', names);
  return { message, error: message, code: textIn(error, 'reason') ?? '' };
}

/** The answer to `X-ConversationSend` with its message. */
export function answeredMessage(answer: EventAnswer): FacadeMessage {
  const { message, id, conversation, sequence, timestamp, from } = answer;
  return { ...recordOf(message), id, conversation, sequence, timestamp, from } as unknown as FacadeMessage;
}

/** `before` and `after` are ids of messages. */
export function pageOf(given: Given): Readonly<Record<string, JsonValue>> {
  const { limit } = recordOf(given);
  const placeAt = (name: string): number | undefined => placeOf(textIn(given, name) ?? '')?.sequence;
  return present({ conversation: idIn(given), limit, before: placeAt('before'), after: placeAt('after') });
}
