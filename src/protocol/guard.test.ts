import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientFrames, coreFrames, jsonValues } from '../../test/kit/client-frames.ts';
import type { Decoded, RejectedFrame } from './codec.ts';
import { CLIENT_FRAME_TYPES } from './frames.ts';
import { readFrame } from './guard.ts';
import { CLIENT_DATA, clientFrame } from './schema.ts';

function read(value: unknown): Decoded {
  return readFrame(value, JSON.stringify);
}

function refused(value: unknown): RejectedFrame {
  const decoded = read(value);
  expect(decoded.type).toBe('rejected');
  return decoded as RejectedFrame;
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function positionsOf(count: number): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`t${at}`, { epoch: 'e', sequence: at }]));
}

const manyPositions = [positionsOf(1_000), positionsOf(1_001)];

/** Values at and beyond the edges of what some field allows. */
const edges: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -0,
    -1,
    1,
    1.5,
    1_000,
    1_001,
    10_000,
    10_001,
    NaN,
    Infinity,
    -Infinity,
    2 ** 53 - 1,
    2 ** 53,
    'latest',
    'earliest',
    'X-a',
    [],
    {},
    ['a', 5],
    [[]],
    { epoch: 'e' },
    { sequence: 5 },
    { epoch: 'e', sequence: -1 },
    { epoch: 'e', sequence: 0 },
    { topic: 'a' },
    { topic: 'a', epoch: 'e' },
    { a: { epoch: 'e', sequence: 5 } },
    ...manyPositions,
  ),
  fc.constantFrom(0, 1, 64, 65, 128, 129, 256, 257).map((length) => 'x'.repeat(length)),
  fc.constantFrom(1, 99, 100, 101).map((length) => Array.from({ length }, () => 'a')),
  fc.constantFrom(28, 29, 30, 31, 32).map(nested),
  jsonValues,
);

const FIELDS =
  'id type timestamp trace data topics topic payload since before limit reverse from positions epoch sequence token ' +
  'target_user idempotency_key session_id unknown';
const fieldNames = fc.constantFrom(...FIELDS.split(' '));

interface Change {
  /** Picks the place: an index at every level on the way down. */
  readonly path: readonly number[];
  readonly kind: 'replace' | 'remove' | 'add';
  readonly name: string;
  readonly value: unknown;
}

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    path: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
    kind: fc.constantFrom('replace', 'remove', 'add'),
    name: fieldNames,
    value: edges,
  }),
  { minLength: 1, maxLength: 2 },
);

function changed(value: unknown, { path: [first = 0, ...rest], kind, name, value: put }: Change): unknown {
  if (typeof value !== 'object' || value === null) return put;
  if (rest.length === 0 && kind === 'add') return Array.isArray(value) ? [...value, put] : { ...value, [name]: put };
  const entries = Object.entries(value);
  const at = first % Math.max(1, entries.length);
  const [key, member] = entries[at] ?? [name, undefined];
  if (rest.length === 0 && kind === 'remove') entries.splice(at, 1);
  else {
    const next = rest.length === 0 ? put : changed(member, { path: rest, kind, name, value: put });
    entries.splice(at, 1, [key, next]);
  }
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

describe('the guard accepts exactly what the schema accepts', () => {
  const seen = { accepted: 0, refused: 0 };

  function agree(value: unknown): void {
    const accepted = read(value).type !== 'rejected';
    seen[accepted ? 'accepted' : 'refused'] += 1;
    expect(accepted).toBe(clientFrame.safeParse(value).success);
  }

  test('both know the same types', () => {
    expect(Object.keys(CLIENT_DATA)).toEqual([...CLIENT_FRAME_TYPES]);
  });

  test('for valid frames', () => {
    fc.assert(fc.property(coreFrames, ({ wire }) => agree(wire)));
    expect(seen.refused).toBe(0);
  });

  test('for valid frames with a change or two', () => {
    Object.assign(seen, { accepted: 0, refused: 0 });
    fc.assert(
      fc.property(coreFrames, changes, ({ wire }, list) => {
        let value: unknown = wire;
        for (const change of list) value = changed(value, change);
        fc.pre(!isExtension(value));
        agree(value);
      }),
      { numRuns: 4_000 },
    );
    expect(seen.accepted).toBeGreaterThan(200);
    expect(seen.refused).toBeGreaterThan(200);
  });

  test('for every type with every field at the edges', () => {
    const data = fc.dictionary(fieldNames, edges, { maxKeys: 4, noNullPrototype: true });
    const frames = fc.record({ type: fc.constantFrom(...CLIENT_FRAME_TYPES), data });
    fc.assert(fc.property(frames, agree), { numRuns: 1_000 });
  });

  test('for any JSON value', () => {
    fc.assert(
      fc.property(fc.oneof(jsonValues, edges), (value) => {
        fc.pre(!isExtension(value));
        agree(value);
      }),
    );
  });

  function isExtension(value: unknown): boolean {
    const { type } = (value ?? {}) as { readonly type?: unknown };
    return typeof type === 'string' && type.startsWith('X-');
  }
});

test('a valid frame is read as what it says', () => {
  fc.assert(
    fc.property(clientFrames, ({ wire, frame }) => {
      expect(read(wire)).toEqual(frame);
    }),
    { numRuns: 500 },
  );
});

test('fields that nobody knows are ignored', () => {
  const known = { type: 'Broadcast', id: 'c-1', data: { topic: 'a', payload: 1 } };
  const more = { ...known, reply_to: 5, x: nested(100), data: { ...known.data, y: nested(100), from: [] } };
  expect(read(more)).toEqual(read(known));
});

describe('a refused frame', () => {
  test('names the field, what was expected and what came', () => {
    const topics = ['a', { topic: 'b' }, { topic: 'c', from: 'middle' }];
    expect(refused({ type: 'Subscribe', data: { topics } }).refusal).toMatchObject({
      reason: 'invalid_field',
      message: 'data.topics[2].from: expected "latest" or "earliest", got "middle"',
    });
    expect(refused({ type: 'History', data: { topic: 'a' } }).refusal.message).toBe(
      'data.limit: expected a whole number from 1 to 1000, got nothing',
    );
  });

  test('carries its id whenever that is usable', () => {
    const wrong = [
      { type: 'Nope' },
      { type: 5 },
      { type: 'Ack' },
      { type: 'Ping', data: [] },
      { trace: 5, type: 'Ping' },
    ];
    for (const frame of wrong) expect(refused({ id: 'c-17', ...frame }).id).toBe('c-17');
    for (const id of ['', 5, null, 'x'.repeat(65)]) {
      expect(refused({ id, type: 'Ping' })).toMatchObject({ id: undefined, refusal: { reason: 'invalid_field' } });
    }
  });

  test('of an unknown type is told so, and the types that there are', () => {
    for (const type of ['', 'ping', 'PING', 'x-a', 'constructor', '__proto__', `X-${'a'.repeat(63)}`]) {
      const { reason, message } = refused({ type }).refusal;
      expect(reason).toBe('unknown_type');
      expect(message).toContain('GetMissedMessages');
    }
  });

  test('that is no object is malformed', () => {
    for (const value of [null, 5, 'Ping', true, [], [{ type: 'Ping' }]]) {
      expect(refused(value).refusal.reason).toBe('malformed');
    }
  });

  test('never has more than 40 characters of the client in its message', () => {
    const long = 'z'.repeat(500);
    for (const frame of [
      { type: long },
      { type: 'Ping', data: long },
      { type: 'Unsubscribe', data: { topics: long } },
    ]) {
      expect(refused(frame).refusal.message.match(/z+/g)).toEqual(['z'.repeat(39)]);
    }
  });
});

describe('payloads', () => {
  const broadcast = (payload: unknown): unknown => ({ type: 'Broadcast', data: { topic: 'a', payload } });
  const direct = (payload: unknown): unknown => ({ type: 'DirectMessage', data: { target_user: 'u', payload } });
  const extension = (data: unknown): unknown => ({ type: 'X-a', data });

  test.each([[null], [false], [0], [''], [[]], [{}]])('%j is a payload', (payload) => {
    expect(read(broadcast(payload))).toMatchObject({ payload: JSON.stringify(payload) });
    expect(read(extension(payload))).toMatchObject({ data: payload });
  });

  test('nothing is not', () => {
    expect(refused({ type: 'Broadcast', data: { topic: 'a' } }).refusal.message).toContain('data.payload');
  });

  test('30 levels of nesting are the most, the frame makes 32', () => {
    for (const wrap of [broadcast, direct, extension]) {
      expect(read(wrap(nested(30))).type).not.toBe('rejected');
      expect(refused(wrap(nested(31))).refusal.message).toContain('32 levels');
      expect(refused(wrap(nested(60_000))).refusal.message).toContain('32 levels');
    }
  });

  test('numbers that JSON does not have are refused at any depth', () => {
    for (const value of [NaN, Infinity, -Infinity, [1, { a: [Infinity] }]]) {
      for (const wrap of [broadcast, direct, extension]) {
        expect(refused(wrap(value)).refusal.reason).toBe('invalid_field');
      }
    }
  });

  test('the key __proto__ is refused at any depth', () => {
    const values = ['{"__proto__":1}', '[{"a":{"__proto__":{}}}]'].map((text) => JSON.parse(text) as unknown);
    for (const value of values) {
      for (const wrap of [broadcast, direct, extension]) {
        expect(refused(wrap(value)).refusal.message).toContain('__proto__');
      }
      expect(clientFrame.safeParse(broadcast(value)).success).toBe(false);
    }
  });
});
