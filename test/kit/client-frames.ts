/** Valid client frames as a client writes them, each with what the server has to read. */
import * as fc from 'fast-check';
import type { ClientFrame, JsonValue, SubscribeEntry } from '../../src/protocol/frames.ts';
import {
  MAX_EPOCH_LENGTH,
  MAX_FRAME_ID_LENGTH,
  MAX_HISTORY_LIMIT,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_MISSED_LIMIT,
  MAX_TRACE_LENGTH,
  MAX_USER_LENGTH,
} from '../../src/protocol/limits.ts';
import type { Position } from '../../src/protocol/position.ts';
import { characters } from './characters.ts';

export interface FrameExample {
  readonly wire: Readonly<Record<string, unknown>>;
  readonly frame: ClientFrame;
}

/** Any JSON value without the key `__proto__`, with the keys in the order in which a parser gives them back. */
export const jsonValues: fc.Arbitrary<JsonValue> = fc
  .jsonValue({ maxDepth: 4, stringUnit: characters })
  .map((value) => JSON.stringify(value))
  .filter((text) => !text.includes('"__proto__":'))
  .map((text) => JSON.parse(text) as JsonValue);

/** Text of 1 to `max` UTF-16 code units, often exactly `max`. */
export function texts(max: number): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength: 1, maxLength: Math.min(8, max >> 1), unit: characters }) },
    { weight: 1, arbitrary: fc.constant('x'.repeat(max)) },
  );
}

export const topicNames: fc.Arbitrary<string> = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_:-]{1,6}$/), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('.'))
  .filter((name) => name !== '__proto__');

const positions: fc.Arbitrary<Position> = fc.record({
  epoch: fc.oneof(fc.constant(''), texts(MAX_EPOCH_LENGTH)),
  sequence: fc.oneof(fc.nat(), fc.maxSafeNat()),
});

const positionMaps = fc.dictionary(topicNames, positions, { maxKeys: 4, noNullPrototype: true });
const topicLists = fc.array(topicNames, { minLength: 1, maxLength: 5 });
// Not -0, which JSON text does not keep.
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const keys = fc.option(texts(MAX_IDEMPOTENCY_KEY_LENGTH), { nil: undefined });
const envelopes = fc.record(
  { id: texts(MAX_FRAME_ID_LENGTH), trace: texts(MAX_TRACE_LENGTH), timestamp: fc.integer() },
  { requiredKeys: [] },
);

type Body = Pick<FrameExample, 'wire'> & { readonly read: Readonly<Record<string, unknown>> };

const subscribeEntries: fc.Arbitrary<{ wire: unknown; read: SubscribeEntry }> = fc
  .record(
    { topic: topicNames, position: positions, from: fc.constantFrom('latest', 'earliest'), positions: positionMaps },
    { requiredKeys: ['topic'] },
  )
  .map(({ topic, position, from, positions: map }) => ({
    wire: { topic, ...position, ...(from && { from }), ...(map && { positions: map }) },
    read: {
      topic,
      // A position says more than `from`, so that one does not count beside it.
      ...(position === undefined ? from && { from } : { position }),
      ...(map && { positions: mapOf(map) }),
    },
  }));

const subscribes: fc.Arbitrary<Body> = fc
  .array(
    fc.oneof(
      topicNames.map((topic) => ({ wire: topic, read: { topic } })),
      subscribeEntries,
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((entries) => ({
    wire: { type: 'Subscribe', data: { topics: entries.map(({ wire }) => wire) } },
    read: { topics: entries.map(({ read }) => read) },
  }));

const bodies: readonly fc.Arbitrary<Body>[] = [
  fc.option(finite, { nil: undefined }).map((timestamp) => ({
    wire: { type: 'Ping', data: timestamp === undefined ? {} : { timestamp } },
    read: { timestamp },
  })),
  fc.constant({ wire: { type: 'Ping' }, read: { timestamp: undefined } }),
  subscribes,
  topicLists.map((topics) => ({ wire: { type: 'Unsubscribe', data: { topics } }, read: { topics } })),
  fc.tuple(topicNames, jsonValues, keys).map(([topic, payload, key]) => ({
    wire: { type: 'Broadcast', data: { topic, payload, ...(key && { idempotency_key: key }) } },
    read: { topic, payload: JSON.stringify(payload), idempotencyKey: key },
  })),
  fc.tuple(texts(MAX_USER_LENGTH), jsonValues, keys).map(([user, payload, key]) => ({
    wire: { type: 'DirectMessage', data: { target_user: user, payload, ...(key && { idempotency_key: key }) } },
    read: { targetUser: user, payload: JSON.stringify(payload), idempotencyKey: key },
  })),
  fc
    .tuple(
      fc.oneof(fc.constant('1763784000123-17-Ab_-9z'), positionMaps),
      fc.record(
        { session_id: topicNames, topics: topicLists, limit: fc.integer({ min: 1, max: MAX_MISSED_LIMIT }) },
        { requiredKeys: [] },
      ),
    )
    .map(([since, rest]) => ({
      wire: { type: 'GetMissedMessages', data: { since, ...rest } },
      read: {
        since: typeof since === 'string' ? since : mapOf(since),
        sessionId: rest.session_id,
        topics: rest.topics,
        limit: rest.limit ?? MAX_MISSED_LIMIT,
      },
    })),
  fc
    .tuple(
      topicNames,
      fc.integer({ min: 1, max: MAX_HISTORY_LIMIT }),
      fc.record({ since: positions, before: positions, reverse: fc.boolean() }, { requiredKeys: [] }),
    )
    .map(([topic, limit, rest]) => ({
      wire: { type: 'History', data: { topic, limit, ...rest } },
      read: { topic, limit, since: rest.since, before: rest.before, reverse: rest.reverse ?? false },
    })),
  fc.string().map((token) => ({ wire: { type: 'Authenticate', data: { token } }, read: { token } })),
  positionMaps.map((map) => ({ wire: { type: 'Ack', data: { positions: map } }, read: { positions: mapOf(map) } })),
];

const extensions: fc.Arbitrary<Body> = fc
  .tuple(fc.stringMatching(/^X-[A-Za-z0-9.]{0,20}$/), fc.option(jsonValues, { nil: undefined }))
  .map(([type, data]) => ({ wire: { type, ...(data !== undefined && { data }) }, read: { data } }));

/** Frames of the core's own types: those that schema.ts describes. */
export const coreFrames: fc.Arbitrary<FrameExample> = withEnvelope(fc.oneof(...bodies));

/** Frames of every type, those of extensions too. */
export const clientFrames: fc.Arbitrary<FrameExample> = withEnvelope(fc.oneof(...bodies, extensions));

function withEnvelope(arbitrary: fc.Arbitrary<Body>): fc.Arbitrary<FrameExample> {
  return fc.tuple(envelopes, arbitrary).map(([envelope, { wire, read }]) => ({
    wire: { ...envelope, ...wire },
    frame: { type: wire['type'], id: envelope.id, trace: envelope.trace, ...read } as unknown as ClientFrame,
  }));
}

function mapOf(map: Readonly<Record<string, Position>>): ReadonlyMap<string, Position> {
  return new Map(Object.entries(map));
}
