/**
 * Turns an untrusted parsed value into a client frame. Hand-written, because it runs for every frame (9 ns against
 * 230 ns for the schema library); guard.test.ts proves that it agrees with schema.ts.
 */
import { rejected, type Decoded, type RejectedFrame } from './codec.ts';
import { quote, refusal } from './errors.ts';
import type { AckFrame, GetMissedMessagesFrame, HistoryFrame, JsonValue, SubscribeEntry } from './frames.ts';
import {
  MAX_BATCH_FRAMES,
  MAX_DEPTH,
  MAX_EPOCH_LENGTH,
  MAX_FRAME_ID_LENGTH,
  MAX_HISTORY_LIMIT,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_MISSED_LIMIT,
  MAX_POSITIONS_PER_FRAME,
  MAX_PRESENCE_LIMIT,
  MAX_PRESENCE_TOPICS,
  MAX_TOPIC_LENGTH,
  MAX_TOPICS_PER_FRAME,
  MAX_TRACE_LENGTH,
  MAX_USER_LENGTH,
  PRESENCE_LIMIT,
} from './limits.ts';
import { PAYLOAD_PROBLEMS } from './payload-problems.ts';
import type { Position } from './position.ts';

type Fields = Readonly<Record<string, unknown>>;
/** Turns a payload into JSON text: JSON hands back the client's own characters, MessagePack prints the value. */
export type PayloadText = (value: unknown) => string;
/** What makes a value unfit as a payload, or `null`; a codec that has looked at the payload's own bytes knows it already. */
export type PayloadProblem = (value: unknown) => string | null;
type Reader = (
  data: Fields,
  id: string | undefined,
  trace: string | undefined,
  text: PayloadText,
  problem: PayloadProblem,
) => Decoded;

/** Reads one message: a frame or, when negotiated, a batch. */
export function readMessage(
  value: unknown,
  batching: boolean,
  text: PayloadText,
  problem: PayloadProblem = payloadProblem,
): Decoded | readonly Decoded[] {
  if (!Array.isArray(value)) return readFrame(value, text, problem);
  if (!batching) return malformed('expected one frame; a batch (array) needs the +batch subprotocol or ?batch=1');
  if (value.length === 0 || value.length > MAX_BATCH_FRAMES) {
    return malformed(`expected a batch of 1 to ${MAX_BATCH_FRAMES} frames, got ${value.length}`);
  }
  // In a batch every payload is printed anew: the slice of the client's own text is found only for single frames.
  return value.map((frame) => readFrame(frame, JSON.stringify));
}

/** Reads one frame. */
export function readFrame(value: unknown, text: PayloadText, problem: PayloadProblem = payloadProblem): Decoded {
  if (!isFields(value)) return malformed(`expected a frame (an object with "type"), got ${kind(value)}`);
  const { id, type, trace, timestamp } = value;
  if (id !== undefined && (typeof id !== 'string' || id.length === 0 || id.length > MAX_FRAME_ID_LENGTH)) {
    return invalid(undefined, 'id', `a string of 1 to ${MAX_FRAME_ID_LENGTH} characters`, id);
  }
  if (typeof type !== 'string') return invalid(id, 'type', 'a string', type);
  if (trace !== undefined && (typeof trace !== 'string' || trace.length > MAX_TRACE_LENGTH)) {
    return invalid(id, 'trace', `a traceparent of at most ${MAX_TRACE_LENGTH} characters`, trace);
  }
  if (timestamp !== undefined && !isFiniteNumber(timestamp)) return invalid(id, 'timestamp', 'milliseconds', timestamp);
  const reader = readers.get(type);
  if (reader === undefined) return readExtension(type, value['data'], id, trace);
  const data = value['data'];
  if (data !== undefined && !isFields(data)) return invalid(id, 'data', 'an object', data);
  return reader(data ?? NO_FIELDS, id, trace, text, problem);
}

/** Whether a frame of this type is read for its payload's text alone. */
export function publishes(value: unknown): boolean {
  return isFields(value) && (value['type'] === 'Broadcast' || value['type'] === 'DirectMessage');
}

const NO_FIELDS: Fields = Object.freeze({});

const readers = new Map<string, Reader>([
  ['Ping', readPing],
  ['Subscribe', readSubscribe],
  ['Unsubscribe', readUnsubscribe],
  ['Broadcast', readBroadcast],
  ['DirectMessage', readDirectMessage],
  ['GetMissedMessages', readGetMissedMessages],
  ['History', readHistory],
  ['Authenticate', readAuthenticate],
  ['Ack', readAck],
  ['Presence', readPresence],
  ['PresenceGet', readPresenceGet],
]);

function readPing(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { timestamp } = data;
  if (timestamp !== undefined && !isFiniteNumber(timestamp))
    return invalid(id, 'data.timestamp', 'milliseconds', timestamp);
  return { type: 'Ping', id, trace, timestamp };
}

function readBroadcast(
  data: Fields,
  id: string | undefined,
  trace: string | undefined,
  text: PayloadText,
  problemOf: PayloadProblem,
): Decoded {
  const { topic, payload, idempotency_key: key } = data;
  if (typeof topic !== 'string') return invalid(id, 'data.topic', 'a topic name', topic);
  const problem = problemOf(payload) ?? keyProblem(key);
  if (problem !== null) return rejected(refusal('invalid_field', problem), id);
  return { type: 'Broadcast', id, trace, topic, payload: text(payload), idempotencyKey: key as string | undefined };
}

function readDirectMessage(
  data: Fields,
  id: string | undefined,
  trace: string | undefined,
  text: PayloadText,
  problemOf: PayloadProblem,
): Decoded {
  const { target_user: user, payload, idempotency_key: key } = data;
  if (!isText(user, MAX_USER_LENGTH))
    return invalid(id, 'data.target_user', `a user id of 1 to ${MAX_USER_LENGTH} characters`, user);
  const problem = problemOf(payload) ?? keyProblem(key);
  if (problem !== null) return rejected(refusal('invalid_field', problem), id);
  return {
    type: 'DirectMessage',
    id,
    trace,
    targetUser: user,
    payload: text(payload),
    idempotencyKey: key as string | undefined,
  };
}

function readSubscribe(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { topics } = data;
  if (!isList(topics)) return invalid(id, 'data.topics', `an array of 1 to ${MAX_TOPICS_PER_FRAME} topics`, topics);
  const entries: SubscribeEntry[] = [];
  for (const [at, item] of topics.entries()) {
    const entry = readSubscribeEntry(item, `data.topics[${at}]`, id);
    if ('refusal' in entry) return entry;
    entries.push(entry);
  }
  return { type: 'Subscribe', id, trace, topics: entries };
}

function readSubscribeEntry(item: unknown, at: string, id: string | undefined): SubscribeEntry | RejectedFrame {
  if (typeof item === 'string') return { topic: item };
  if (!isFields(item) || typeof item['topic'] !== 'string') return invalid(id, at, 'a topic name or {topic, …}', item);
  const { topic, epoch, sequence, from, positions } = item as { topic: string } & Fields;
  if (from !== undefined && from !== 'latest' && from !== 'earliest')
    return invalid(id, `${at}.from`, '"latest" or "earliest"', from);
  let map: ReadonlyMap<string, Position> | undefined;
  if (positions !== undefined) {
    const read = readPositions(positions, `${at}.positions`, id);
    if ('refusal' in read) return read;
    map = read;
  }
  if (epoch === undefined && sequence === undefined)
    return { topic, ...(from && { from }), ...(map && { positions: map }) };
  const position = readPosition(item);
  if (position === null) return invalid(id, at, 'epoch (a string) with sequence (a whole number from 0)', item);
  return { topic, position, ...(map && { positions: map }) };
}

function readUnsubscribe(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { topics } = data;
  if (!isList(topics) || !topics.every((topic) => typeof topic === 'string')) {
    return invalid(id, 'data.topics', `an array of 1 to ${MAX_TOPICS_PER_FRAME} topic names`, topics);
  }
  return { type: 'Unsubscribe', id, trace, topics };
}

function readGetMissedMessages(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { since, session_id: session, topics, limit = MAX_MISSED_LIMIT } = data;
  if (session !== undefined && !isText(session, MAX_TOPIC_LENGTH))
    return invalid(id, 'data.session_id', 'a session id', session);
  if (topics !== undefined && !(isList(topics) && topics.every((topic) => typeof topic === 'string'))) {
    return invalid(id, 'data.topics', `an array of 1 to ${MAX_TOPICS_PER_FRAME} topic names`, topics);
  }
  if (!isWhole(limit, 1, MAX_MISSED_LIMIT))
    return invalid(id, 'data.limit', `a whole number from 1 to ${MAX_MISSED_LIMIT}`, limit);
  let from: GetMissedMessagesFrame['since'];
  if (isText(since, MAX_TOPIC_LENGTH)) from = since;
  else {
    const read = readPositions(since, 'data.since', id);
    if ('refusal' in read) return read;
    from = read;
  }
  return { type: 'GetMissedMessages', id, trace, since: from, sessionId: session, topics, limit };
}

function readHistory(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { topic, since, before, limit, reverse } = data;
  if (typeof topic !== 'string') return invalid(id, 'data.topic', 'a topic name', topic);
  if (!isWhole(limit, 1, MAX_HISTORY_LIMIT))
    return invalid(id, 'data.limit', `a whole number from 1 to ${MAX_HISTORY_LIMIT}`, limit);
  if (reverse !== undefined && typeof reverse !== 'boolean')
    return invalid(id, 'data.reverse', 'true or false', reverse);
  const frame: { -readonly [K in keyof HistoryFrame]: HistoryFrame[K] } = {
    type: 'History',
    id,
    trace,
    topic,
    since: undefined,
    before: undefined,
    limit,
    reverse: reverse ?? false,
  };
  for (const [key, value] of [
    ['since', since],
    ['before', before],
  ] as const) {
    if (value === undefined) continue;
    const position = isFields(value) ? readPosition(value) : null;
    if (position === null) return invalid(id, `data.${key}`, '{epoch, sequence}', value);
    frame[key] = position;
  }
  return frame;
}

function readAuthenticate(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { token } = data;
  // Not quoted, whatever it is: a token never reaches an error text.
  if (typeof token !== 'string')
    return rejected(refusal('invalid_field', `data.token: expected a token, got ${kind(token)}`), id);
  return { type: 'Authenticate', id, trace, token };
}

function readAck(data: Fields, id: string | undefined, trace: string | undefined): AckFrame | RejectedFrame {
  const positions = readPositions(data['positions'], 'data.positions', id);
  return 'refusal' in positions ? positions : { type: 'Ack', id, trace, positions };
}

function readPresence(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { topic, action, data: own } = data;
  if (typeof topic !== 'string') return invalid(id, 'data.topic', 'a topic name', topic);
  if (action !== 'enter' && action !== 'update' && action !== 'leave')
    return invalid(id, 'data.action', '"enter", "update" or "leave"', action);
  if (own !== undefined && !isFields(own)) return invalid(id, 'data.data', 'an object', own);
  const problem = own === undefined ? null : valueProblem(own, 2);
  if (problem !== null) return rejected(refusal('invalid_field', problem), id);
  return { type: 'Presence', id, trace, topic, action, data: own === undefined ? undefined : JSON.stringify(own) };
}

function readPresenceGet(data: Fields, id: string | undefined, trace: string | undefined): Decoded {
  const { topic, topics, limit = PRESENCE_LIMIT, after = '', user } = data;
  if ((topic === undefined) === (topics === undefined))
    return invalid(id, 'data', 'either topic or topics', topic === undefined ? undefined : data);
  if (topic !== undefined && typeof topic !== 'string') return invalid(id, 'data.topic', 'a topic name', topic);
  const isListOfNames =
    isList(topics) && topics.length <= MAX_PRESENCE_TOPICS && topics.every((name) => typeof name === 'string');
  if (topics !== undefined && !isListOfNames)
    return invalid(id, 'data.topics', `an array of 1 to ${MAX_PRESENCE_TOPICS} topic names`, topics);
  if (!isWhole(limit, 1, MAX_PRESENCE_LIMIT))
    return invalid(id, 'data.limit', `a whole number from 1 to ${MAX_PRESENCE_LIMIT}`, limit);
  if (typeof after !== 'string' || after.length > MAX_TOPIC_LENGTH)
    return invalid(id, 'data.after', 'next of the page before', after);
  if (user !== undefined && !isText(user, MAX_USER_LENGTH))
    return invalid(id, 'data.user', `a user id of 1 to ${MAX_USER_LENGTH} characters`, user);
  const names = topics as readonly string[] | undefined;
  return { type: 'PresenceGet', id, trace, topic, topics: names, limit, after, user };
}

function readExtension(type: string, data: unknown, id: string | undefined, trace: string | undefined): Decoded {
  if (!type.startsWith('X-') || type.length > MAX_FRAME_ID_LENGTH) {
    return rejected(
      refusal('unknown_type', `expected one of ${[...readers.keys()].join(', ')} or X-…, got ${quote(type)}`),
      id,
    );
  }
  const problem = data === undefined ? null : payloadProblem(data);
  if (problem !== null) return rejected(refusal('invalid_field', problem), id);
  return { type: type as `X-${string}`, id, trace, data: data as JsonValue | undefined };
}

function readPositions(
  value: unknown,
  at: string,
  id: string | undefined,
): ReadonlyMap<string, Position> | RejectedFrame {
  if (!isFields(value)) return invalid(id, at, '{topic: {epoch, sequence}}', value);
  const positions = new Map<string, Position>();
  for (const [topic, entry] of Object.entries(value)) {
    const position = isFields(entry) ? readPosition(entry) : null;
    if (position === null) return invalid(id, at, '{topic: {epoch, sequence}}', value);
    positions.set(topic, position);
    if (positions.size > MAX_POSITIONS_PER_FRAME)
      return invalid(id, at, `at most ${MAX_POSITIONS_PER_FRAME} topics`, value);
  }
  return positions;
}

function readPosition(value: Fields): Position | null {
  const { epoch, sequence } = value;
  return typeof epoch === 'string' && epoch.length <= MAX_EPOCH_LENGTH && isWhole(sequence, 0, Number.MAX_SAFE_INTEGER)
    ? { epoch, sequence }
    : null;
}

/**
 * What makes a value unfit as a payload, or `null`: no value, nesting, numbers that are not JSON, and the key
 * `__proto__`, which several MessagePack and JSON readers turn into a prototype.
 */
function payloadProblem(payload: unknown): string | null {
  if (payload === undefined) return 'data.payload: expected a JSON value, got nothing';
  return valueProblem(payload, 2);
}

function valueProblem(value: unknown, depth: number): string | null {
  if (typeof value === 'number') return Number.isFinite(value) ? null : PAYLOAD_PROBLEMS.infinite;
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= MAX_DEPTH) return PAYLOAD_PROBLEMS.deep;
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = valueProblem(item, depth + 1);
      if (problem !== null) return problem;
    }
    return null;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return PAYLOAD_PROBLEMS.proto;
    const problem = valueProblem((value as Fields)[key], depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

function keyProblem(key: unknown): string | null {
  return key === undefined || isText(key, MAX_IDEMPOTENCY_KEY_LENGTH)
    ? null
    : `data.idempotency_key: expected a string of 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} characters, got ${kind(key)}`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_TOPICS_PER_FRAME;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max;
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function malformed(message: string): RejectedFrame {
  return rejected(refusal('malformed', message));
}

function invalid(id: string | undefined, field: string, expected: string, got: unknown): RejectedFrame {
  return rejected(refusal('invalid_field', `${field}: expected ${expected}, got ${kind(got)}`), id);
}

/** A short, harmless description of an untrusted value. */
function kind(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  return quote(value);
}
