/** What clients say in the guide's envelope, as frames. Pure but for the ids that it is given. */
import { quote, refusal, type Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { DialectFrame } from '../../dialect.ts';

/** What waits for its answer. */
export interface Request {
  readonly kind: 'ask' | 'status' | 'stop' | 'again' | 'typing' | 'heartbeat' | 'presence' | 'follow';
  readonly session: string;
  /** Of the client's message, as it calls it; `''` where it has no name. */
  readonly messageId: string;
}

export interface Said {
  readonly request: Request;
  readonly frame: Omit<DialectFrame, 'id'>;
}

/** A message that cannot be read, with what is known of it. */
export interface Unread {
  readonly request: Request;
  readonly problem: Refusal;
}

const TYPES = ['message', 'typing', 'status', 'presence', 'heartbeat', 'ack', 'error'] as const;
const SESSION = /^[A-Za-z0-9_-]{1,128}$/;
const MAX_ID = 128;

/** @param newId of a message that its client has not named. @returns `null` for what needs no answer */
export function saidIn(message: JsonValue, newId: () => string): Said | Unread | null {
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    return unread(refusal('malformed', 'expected an object with a type'));
  const fields = message as Readonly<Record<string, JsonValue>>;
  const { type, session_id: session, message_id: id, content } = fields;
  if (typeof type !== 'string' || !(TYPES as readonly string[]).includes(type))
    return unread(refusal('unknown_type', `type: expected one of ${TYPES.join(', ')}, got ${quote(type)}`));
  const request = {
    session: typeof session === 'string' && SESSION.test(session) ? session : '',
    messageId: typeof id === 'string' && id !== '' && id.length <= MAX_ID ? id : '',
  };
  const ping: Said['frame'] = { type: 'Ping', data: {} };
  switch (type) {
    case 'heartbeat':
      return { request: { ...request, kind: 'heartbeat' }, frame: ping };
    case 'presence':
      return { request: { ...request, kind: 'presence' }, frame: ping };
    case 'ack':
    case 'error':
      // Nothing waits for these, and they are not free.
      return { request: { ...request, kind: 'typing' }, frame: ping };
    default:
  }
  if (request.session === '')
    return unread(refusal('invalid_field', `session_id: expected the id of a session, got ${quote(session)}`), request);
  if (id !== undefined && id !== null && id !== '' && request.messageId === '')
    return unread(refusal('invalid_field', `message_id: expected 1 to ${MAX_ID} characters`), request);
  if (type === 'message') return asked(fields, request, newId);
  return type === 'typing' ? typing(request, content) : told(request, content);
}

function asked(
  { content, metadata }: Readonly<Record<string, JsonValue>>,
  { session, messageId }: Omit<Request, 'kind'>,
  newId: () => string,
): Said | Unread {
  const request: Request = { kind: 'ask', session, messageId: messageId === '' ? newId() : messageId };
  if (typeof content !== 'string')
    return unread(refusal('invalid_field', `content: expected text, got ${quote(content)}`), request);
  const about = aboutIn(metadata);
  if ('problem' in about) return unread(about.problem, request);
  return {
    request,
    frame: { type: 'X-AssistantAsk', data: { session, content, clientId: request.messageId, ...about.fields } },
  };
}

/** What the session is about, as clients say it with each of their messages. */
function aboutIn(
  metadata: JsonValue | undefined,
): { readonly fields: Readonly<Record<string, JsonValue>> } | { readonly problem: Refusal } {
  if (metadata === undefined || metadata === null) return { fields: {} };
  if (typeof metadata !== 'object' || Array.isArray(metadata))
    return { problem: refusal('invalid_field', 'metadata: expected an object') };
  const about: Record<string, JsonValue> = {};
  for (const [name, field] of [
    ['client_name', 'clientName'],
    ['context', 'context'],
    ['quick_action', 'quickAction'],
  ] as const) {
    const value = (metadata as Readonly<Record<string, JsonValue>>)[name];
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string') return { problem: refusal('invalid_field', `metadata.${name}: expected text`) };
    about[field] = value;
  }
  return { fields: about };
}

function typing({ session, messageId }: Omit<Request, 'kind'>, content: JsonValue | undefined): Said {
  const isTyping = content === true || content === 'true';
  return {
    request: { kind: 'typing', session, messageId },
    frame: { type: 'X-AssistantTyping', data: { session, isTyping } },
  };
}

/** `stop` and `regenerate` are orders; everything else asks how the session is. */
function told(request: Omit<Request, 'kind'>, content: JsonValue | undefined): Said {
  const data = { session: request.session };
  if (content === 'stop') return { request: { ...request, kind: 'stop' }, frame: { type: 'X-AssistantStop', data } };
  if (content === 'regenerate')
    return { request: { ...request, kind: 'again' }, frame: { type: 'X-AssistantAgain', data } };
  return { request: { ...request, kind: 'status' }, frame: { type: 'X-AssistantCurrent', data } };
}

function unread(
  problem: Refusal,
  { session, messageId }: Omit<Request, 'kind'> = { session: '', messageId: '' },
): Unread {
  return { request: { kind: 'ask', session, messageId }, problem };
}

export function isUnread(said: Said | Unread): said is Unread {
  return 'problem' in said;
}
