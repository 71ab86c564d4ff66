/** One message of the publish API: held against its schema, and against the frame that a socket would send. */
import { isRefusal } from '../protocol/errors.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFrame } from '../protocol/guard.ts';
import { isTopicName } from '../protocol/topic.ts';
import { publishItem } from './openapi/schemas.ts';
import { readItem, type ItemHeaders } from './publish-item.ts';

const NO_HEADERS: ItemHeaders = { idempotencyKey: undefined, trace: undefined };

function read(value: unknown, headers: ItemHeaders = NO_HEADERS): ReturnType<typeof readItem> {
  return readItem(value, JSON.stringify(value) ?? '', headers);
}

/** Faults beyond the guard are judged with the rights. */
function isTaken(value: unknown): boolean {
  const frame = read(value);
  return !isRefusal(frame) && (frame.type !== 'Broadcast' || isTopicName(frame.topic));
}

describe('a message', () => {
  const field = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(
      undefined,
      'a.b',
      'a..b',
      '@me',
      '',
      'x'.repeat(64),
      'x'.repeat(65),
      'x'.repeat(128),
      'x'.repeat(129),
    ),
    fc.constantFrom<unknown>(1e308, -0, [[[]]], JSON.parse('{"__proto__":1}'), { constructor: 1 }),
  );
  const items = fc.record(
    { topic: field, target_user: field, payload: field, id: field, trace: field, idempotency_key: field, extra: field },
    { requiredKeys: [] },
  );
  const rest = {
    payload: fc.jsonValue({ maxDepth: 2 }),
    id: fc.constantFrom('x', 'x'.repeat(64), 'x'.repeat(65)),
    idempotency_key: fc.constantFrom('k', 'x'.repeat(64), 'x'.repeat(65)),
  };
  const likely = fc.oneof(
    fc.record({ topic: fc.constantFrom('a.b', 'a', 'a.*'), ...rest }, { requiredKeys: ['topic', 'payload'] }),
    fc.record({ target_user: fc.constantFrom('bob', ''), ...rest }, { requiredKeys: ['target_user', 'payload'] }),
  );

  test('is taken exactly if the published schema takes it', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(fc.oneof(items, likely, fc.jsonValue({ maxDepth: 2 })), (value) => {
        const taken = isTaken(value);
        seen[taken ? 'taken' : 'refused'] += 1;
        expect([taken, value]).toEqual([publishItem.safeParse(value).success, value]);
      }),
      { numRuns: 5_000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(200);
  });

  test('is the frame that a socket would have sent', () => {
    const value = { topic: 'a.b', payload: { n: 1 }, id: 'i', trace: 't', idempotency_key: 'k' };
    const { topic, payload, idempotency_key, id, trace } = value;
    const frame = readFrame(
      { type: 'Broadcast', id, trace, data: { topic, payload, idempotency_key } },
      JSON.stringify,
    );
    expect(read(value)).toEqual(frame);
    const direct = { target_user: 'bob', payload: [1], id: 'i' };
    expect(read(direct)).toEqual(
      readFrame({ type: 'DirectMessage', id: 'i', data: { target_user: 'bob', payload: [1] } }, JSON.stringify),
    );
  });

  test('is nested as deep as in a frame, and no deeper', () => {
    const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    for (const levels of [29, 30, 31]) {
      const payload = nested(levels);
      const frame = readFrame({ type: 'Broadcast', data: { topic: 'a', payload } }, JSON.stringify);
      expect(isRefusal(read({ topic: 'a', payload }))).toBe(frame.type === 'rejected');
    }
    expect(isTaken({ topic: 'a', payload: nested(30) })).toBe(true);
    expect(isTaken({ topic: 'a', payload: nested(31) })).toBe(false);
  });
});

describe('headers', () => {
  const item = { topic: 'a', payload: 1 };

  test('are used where the message does not say it', () => {
    const headers = { idempotencyKey: 'from-header', trace: 'trace-of-header' };
    expect(read(item, headers)).toMatchObject({ idempotencyKey: 'from-header', trace: 'trace-of-header' });
    expect(read({ ...item, trace: 'own' }, headers)).toMatchObject({ trace: 'own' });
    expect(read({ ...item, idempotency_key: 'from-header' }, headers)).toMatchObject({ idempotencyKey: 'from-header' });
  });

  test('that contradict the message are refused; a bad traceparent counts as none', () => {
    const headers = { idempotencyKey: 'a', trace: 'x'.repeat(129) };
    expect(read({ ...item, idempotency_key: 'b' }, headers)).toMatchObject({ reason: 'invalid_field' });
    expect(read(item, headers)).toMatchObject({ trace: undefined });
  });
});

test('complaints name the fields as they are in the message', () => {
  const message = (value: unknown): string => (read(value) as { message: string }).message;
  expect(message({ topic: 5, payload: 1 })).toMatch(/^topic: /);
  expect(message({ topic: 'a' })).toMatch(/^payload: /);
  expect(message({ topic: 'a', payload: JSON.parse('{"__proto__":1}') })).toMatch(/^payload: /);
  expect(message({ topic: 'a', payload: 1, idempotency_key: '' })).toMatch(/^idempotency_key: /);
  expect(message({ target_user: '', payload: 1 })).toMatch(/^target_user: /);
});
