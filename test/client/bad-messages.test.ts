/** Handlers, payloads, topics and positions that are wrong: a typed error where the caller can see it, and nothing else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isSignalboxError, type Client, type Item, type Since } from '../../src/client/index.ts';
import { msgpack } from '../../src/client/msgpack/index.ts';
import { presenceOf } from '../../src/client/presence/index.ts';
import { eventually, within } from '../harness/deadline.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { clientOf, Reading } from './rig.ts';
import { nothingUnhandled, withMember } from './unhandled.ts';
import { queueOf } from '../../src/client/queue/index.ts';
import { historyOf } from '../../src/client/history/index.ts';
import { storeOf } from '../../src/client/store/index.ts';

nothingUnhandled();

const RULES = JSON.stringify([
  { pattern: 'chat.**', presence: 'user' },
  { pattern: 'staff.**', presence: 'user', presence_enter: ['admin'], presence_read: ['admin'] },
]);

let server: TestServer;
/** A topic that no other test has used. */
let T = '';
let tests = 0;
beforeAll(async () => {
  server = await openServer({ 'rate_limiting.enabled': 'false', 'topics.rules': RULES });
});
afterAll(() => server.stop());
beforeEach(() => {
  tests += 1;
  T = `chat.${tests}`;
});

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const problem: unknown = await within(
    promise.then(
      () => 'no error',
      (error: unknown) => error,
    ),
    'the end of a promise',
  );
  return isSignalboxError(problem) ? problem.reason : String(problem);
}

function reasonsOf(client: Client): string[] {
  const reasons: string[] = [];
  client.on('error', ({ reason }) => reasons.push(reason));
  return reasons;
}

function fail(): never {
  throw new Error('a fault of the application');
}

describe('a handler', () => {
  test.each<[string, () => unknown]>([
    ['throws', fail],
    ['rejects', () => Promise.reject(new Error('a fault'))],
    ['rejects with nothing', () => Promise.reject()],
    ['answers something with a member "then"', () => withMember('then', 'later')],
    ['answers something like a promise that throws', () => withMember('then', fail)],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
    ],
  ])('that %s: it is told, the message counts as handled, the next one comes', async (name, handler) => {
    const client = clientOf(server);
    const reasons = reasonsOf(client);
    const seen: unknown[] = [];
    client.topic(T).on({
      message: ({ payload }) => {
        seen.push(payload);
        return handler();
      },
      gap: () => {},
    });
    await eventually(() => client.topic(T).state === 'live', 'the topic to be live');
    for (const payload of [1, 2, 3]) await client.topic(T).publish(payload);
    await eventually(() => client.topic(T).position?.sequence === 3, 'the last position');
    expect(seen).toEqual([1, 2, 3]);
    expect(reasons).toEqual(name.includes('member') ? [] : Array.from({ length: 3 }, () => 'handler_failed'));
  });

  test('of errors that throws too: that is told where errors of no handler are', async () => {
    const client = clientOf(server);
    const reasons = reasonsOf(client);
    client.topic(T).on({ message: () => Promise.reject(new Error('one')), gap: () => {}, error: fail });
    client.topic('not a topic').on({ message: () => {}, gap: () => {}, error: fail });
    const good = new Reading(client.topic(T));
    await good.live();
    for (const payload of [1, 2]) await client.topic(T).publish(payload);
    await good.count(2);
    await eventually(() => reasons.length === 3, 'three errors');
    expect(new Set(reasons)).toEqual(new Set(['handler_failed']));
  });

  test('that never settles holds up itself alone, and its memory is bounded', async () => {
    const client = clientOf(server, 'alice', { buffer: { maxMessages: 10 } });
    let calls = 0;
    client.topic(T).on({ message: () => new Promise(() => (calls += 1)), gap: () => {} });
    const [good, other] = [new Reading(client.topic(T)), new Reading(client.topic(`${T}.1`))];
    await Promise.all([good.live(), other.live()]);
    const publisher = clientOf(server, 'bob').topic(T);
    await Promise.all(Array.from({ length: 100 }, (_, at) => publisher.publish(at)));
    await client.topic(`${T}.1`).publish('other');
    await Promise.all([good.count(100), other.count(1)]);
    expect(calls).toBe(1);
    await within(client.close(), 'the end');
  });

  test('of a store: what loads, applies or listens may throw', async () => {
    const client = clientOf(server);
    const told: unknown[] = [];
    let loads = 0;
    const store = storeOf(client.topic<number>(T), {
      load: () => ((loads += 1) === 1 ? fail() : 10),
      apply: (sum, { payload }) => (payload < 0 ? fail() : sum + payload),
      error: (error) => {
        told.push(error);
        fail();
      },
    });
    store.subscribe(fail);
    await eventually(() => store.getSnapshot().status === 'live', 'the state');
    for (const payload of [1, -1, 2]) await client.topic(T).publish(payload);
    await eventually(() => store.getSnapshot().value === 13, 'the sum');
    expect([loads, told.length > 2]).toEqual([2, true]);
  });
});

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let at = 0; at < levels; at += 1) value = [value];
  return value;
}

test('without a function for errors a store tells its client what has failed', async () => {
  const client = clientOf(server);
  const reasons = reasonsOf(client);
  let loads = 0;
  const store = storeOf(client.topic<number>(T), {
    load: () => ((loads += 1) === 1 ? fail() : 0),
    apply: () => fail(),
  });
  store.subscribe(() => {});
  await eventually(() => store.getSnapshot().status === 'live', 'the state');
  await client.topic(T).publish(1);
  await eventually(() => reasons.length >= 2, 'both errors');
  expect(reasons).toEqual(['handler_failed', 'handler_failed']);
  const refused = storeOf(client.topic('not a topic'), { load: () => 0, apply: () => 0 });
  await eventually(() => reasons.length >= 3, 'the refusal');
  expect([reasons[2], refused.getSnapshot().status]).toEqual(['invalid_topic', 'loading']);
});

/** JSON leaves them out, where data may be missing. */
const JSON_DROPS = new Set(['undefined', 'function', 'symbol']);

describe('a payload', () => {
  const cycle: Record<string, unknown> = {};
  cycle['itself'] = cycle;
  const values: [string, unknown][] = [
    ['a BigInt', 1n],
    ['a cycle', cycle],
    ['undefined', undefined],
    ['a function', fail],
    ['a symbol', Symbol('s')],
    ['an object that throws', { toJSON: fail }],
    ['nested too deeply to be written', nested(200_000)],
  ];

  test.each(values)('that is %s is refused at once; the queue has nothing of it', async (_name, payload) => {
    const client = clientOf(server);
    expect(await reasonOf(client.topic(T).publish(payload))).toBe('not_serialisable');
    expect(await reasonOf(client.send('bob', payload))).toBe('not_serialisable');
    expect(queueOf(client).stats()).toMatchObject({ messages: 0, bytes: 0, failed: 0 });
    expect(await client.topic(T).publish('good')).toMatchObject({ sequence: 1 });
  });

  test.each(values.filter(([, value]) => !JSON_DROPS.has(typeof value)))(
    'of a request that is %s is refused at once',
    async (_name, data) => {
      const client = clientOf(server);
      // Once while there is no connection, once on one.
      expect(await reasonOf(client.request('X-Vote', data))).toBe('not_serialisable');
      expect(await client.topic(T).publish('good')).toMatchObject({ sequence: 1 });
      expect(await reasonOf(client.request('X-Vote', data))).toBe('not_serialisable');
      expect(await reasonOf(client.request('X-Nobody'))).toBe('not_found');
    },
  );

  test.each([
    ['json', {}],
    ['msgpack', { codec: msgpack }],
  ])(
    '%s: halves of characters, and texts that only look like more, arrive or are refused, and nothing waits',
    async (_name, options) => {
      const client = clientOf(server, 'alice', options);
      const reading = new Reading(client.topic(T));
      await reading.live();
      const proto: unknown = JSON.parse('{"a":{"__proto__":1}}');
      const odd = ['😀', '\u0000', '\u2028', Number.NaN, new Date(0), nested(28)];
      for (const payload of odd)
        expect([payload, await reasonOf(client.topic(T).publish(payload))]).toEqual([payload, 'no error']);
      for (const payload of [proto, '\ud800', 'a\udc00b', { '\ud800': 1 }, nested(40), nested(1_000)])
        expect(await reasonOf(client.topic(T).publish(payload))).toMatch(/^(invalid_field|not_serialisable)$/);
      await client.topic(T).publish('last');
      await reading.until(({ payloads }) => payloads.includes('last'), 'the last message');
      expect([reading.payloads.length, queueOf(client).stats().messages, client.state.status]).toEqual([
        7,
        0,
        'connected',
      ]);
      // As deep as it goes: in a page of history it lies deeper.
      await clientOf(server, 'bob').topic(T).publish(nested(30));
      await reading.count(8);
      expect((await within(historyOf(client.topic(T), { reverse: true }).next(), 'history')).value).toMatchObject({
        payload: nested(30),
      });
    },
  );

  test.each([
    ['json', {}],
    ['msgpack', { codec: msgpack }],
  ])(
    '%s: one that the server does not take for its bytes is refused at once, and none that it takes',
    async (_name, options) => {
      const client = clientOf(server, 'alice', options);
      await client.topic(T).publish('first');
      // By characters they all fit: two bytes each, or only the rest of the frame is too much.
      for (const payload of ['é'.repeat(40_000), '😀'.repeat(20_000), 'x'.repeat(65_500)])
        expect(await reasonOf(client.topic(T).publish(payload))).toBe('payload_too_large');
      expect(queueOf(client).stats().messages).toBe(0);
      const all = await Promise.all(
        ['é'.repeat(32_600), 'x'.repeat(65_200)].map((text) => client.topic(T).publish(text)),
      );
      expect(all.map(({ sequence }) => sequence)).toEqual([2, 3]);
      expect(await server.samples('signalbox_errors_sent_total')).not.toContainEqual(
        expect.objectContaining({ reason: 'payload_too_large' }),
      );
    },
  );

  test('one of before the first connection is refused when the limit is known, and the others go out', async () => {
    const client = clientOf(server);
    const [large, small] = [client.topic(T).publish('é'.repeat(40_000)), client.topic(T).publish('small')];
    expect(await reasonOf(large)).toBe('payload_too_large');
    expect(await within(small, 'the receipt')).toMatchObject({ sequence: 1 });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['an empty key', { key: '' }, 'invalid_field'],
    ['a key that is too long', { key: 'k'.repeat(65) }, 'invalid_field'],
    ['a number as key', { key: 5 }, 'invalid_field'],
    ['half a character as key', { key: 'a\ud800' }, 'invalid_field'],
    ['a deadline that is no number', { deadlineMs: Number.NaN }, 'invalid_field'],
    ['a deadline of long ago', { deadlineMs: -1 }, 'deadline'],
    ['a signal that was aborted', { signal: AbortSignal.abort() }, 'aborted'],
  ])('with %s', async (_name, options, reason) => {
    const client = clientOf(server);
    await client.topic(T).publish('good');
    expect(await reasonOf(client.topic(T).publish('bad', options))).toBe(reason);
    expect(queueOf(client).stats().messages).toBe(0);
  });
});

const NAMES: unknown[] = [
  '',
  ' ',
  'a b',
  '.',
  'a.',
  'a..b',
  'ä',
  '@',
  '@user.x',
  'x'.repeat(257),
  '*',
  'a/b',
  undefined,
  null,
  5,
  {},
];

describe('a topic', () => {
  test('that is none is refused to its readers and publishers, and the good ones beside it are read', async () => {
    const client = clientOf(server);
    const bad = NAMES.map((name) => new Reading(client.topic(name as string)));
    const good = new Reading(client.topic(T));
    await good.live();
    await Promise.all(
      bad.map((reading, at) => reading.until(({ errors }) => errors.length > 0, `the refusal of ${String(NAMES[at])}`)),
    );
    for (const [at, { errors }] of bad.entries())
      expect([NAMES[at], errors.every(isSignalboxError), errors.length]).toEqual([NAMES[at], true, 1]);
    for (const name of NAMES) {
      // The server closes a connection that asks too often for what it cannot have.
      const other = clientOf(server, 'bob').topic(name as string);
      const reasons = [await reasonOf(other.publish(1)), await reasonOf(historyOf(other).next())];
      expect([name, ...reasons]).toEqual([
        name,
        ...reasons.map(() => expect.stringMatching(/^invalid_(topic|field)$/) as string),
      ]);
    }
    expect(queueOf(client).stats().messages).toBe(0);
    await client.topic(T).publish('good');
    await good.count(1);
  });

  test.each([undefined, null, 5, '', 'x'.repeat(1_000)])('a user who is %s cannot be sent to', async (user) => {
    expect(await reasonOf(clientOf(server).send(user as string, 1))).toMatch(/^invalid_/);
  });
});

describe('presence', () => {
  const cycle: Record<string, unknown> = {};
  cycle['itself'] = cycle;

  test.each<[string, string, unknown, string]>([
    ['data that is too large', 'room', { text: 'x'.repeat(2_000) }, 'invalid_field'],
    ['data that is larger than a message may be', 'room', { text: 'x'.repeat(70_000) }, 'payload_too_large'],
    ['a list as data', 'room', [1], 'invalid_field'],
    ['a text as data', 'room', 'away', 'invalid_field'],
    ['null as data, which says nothing', 'room', null, 'no error'],
    ['data with a cycle', 'room', cycle, 'not_serialisable'],
    ['data with a BigInt', 'room', { at: 1n }, 'not_serialisable'],
    ['a topic that is none', 'not a topic', {}, 'invalid_topic'],
    ['a topic that is undefined', undefined as unknown as string, {}, 'invalid_field'],
    ['a topic without presence', 'open.1', {}, 'not_allowed'],
    ['a topic of others', 'staff.1', {}, 'not_allowed'],
  ])('%s: the promise says so, and nothing else is harmed', async (_name, topic, data, reason) => {
    const client = clientOf(server);
    const reasons = reasonsOf(client);
    expect(
      await reasonOf(presenceOf(client, topic === 'room' ? T : topic).enter(data as Record<string, unknown>)),
    ).toBe(reason);
    await within(presenceOf(client, `${T}.1`).enter({ mood: 'well' }), 'a good one');
    expect(await client.topic(`${T}.1`).publish('good')).toMatchObject({ sequence: 1 });
    expect([client.state.status, reasons]).toEqual(['connected', []]);
  });

  test('a listener that throws, and a reader who may not', async () => {
    const client = clientOf(server);
    const [room, staff] = [presenceOf(client, `${T}.1`), presenceOf(client, 'staff.1')];
    const reasons = reasonsOf(client);
    let calls = 0;
    room.subscribe(fail);
    room.onChange(fail);
    room.subscribe(() => (calls += 1));
    staff.subscribe(() => {});
    await room.enter({ mood: 'well' });
    await eventually(() => room.getSnapshot().count === 1, 'the member');
    await eventually(() => staff.getSnapshot().status === 'refused', 'the refusal');
    expect(staff.getSnapshot().error).toMatchObject({ reason: 'not_allowed' });
    expect([client.state.status, new Set(reasons), calls > 0]).toEqual([
      'connected',
      new Set(['handler_failed']),
      true,
    ]);
    expect(room.getSnapshot()).toMatchObject({ status: 'live', members: [{ user: 'alice', data: { mood: 'well' } }] });
  });
});

describe('a position', () => {
  const epoch = 'AAAAAAAAAAAA';
  test.each<[string, unknown, string[]]>([
    ['of another log', { epoch, sequence: 5 }, ['gap', 'live']],
    ['beyond the log', { epoch, sequence: 2 ** 40 }, ['gap', 'live']],
    ['with an epoch that is none', { epoch: 'nonsense!', sequence: 1 }, ['gap', 'live']],
    ['with a number as epoch', { epoch: 5, sequence: 1 }, ['error']],
    ['with a text as sequence', { epoch, sequence: 'x' }, ['error']],
    ['without a sequence', { epoch }, ['error']],
    ['below zero', { epoch, sequence: -1 }, ['error']],
    ['with a fraction', { epoch, sequence: 1.5 }, ['error']],
    ['that is empty', {}, ['error']],
    ['that is a text', 'yesterday', ['live']],
    ['that is null', null, ['live']],
    ['that asks for the last none', { last: 0 }, ['error']],
    ['that asks for the last few, in letters', { last: 'few' }, ['error']],
  ])('%s: a gap and live, or an error; the topics beside it are read', async (_name, since, expected) => {
    const [client, publisher] = [clientOf(server), clientOf(server, 'bob')];
    await publisher.topic(T).publish('before');
    const others = [`${T}.1`, `${T}.2`].map((name) => new Reading(client.topic(name)));
    const told: string[] = [];
    const take = ({ kind }: Item): unknown => kind !== 'message' && told.push(kind);
    client
      .topic(T)
      .on({ message: take, gap: take, live: take, error: () => told.push('error') }, { since: since as Since });
    await Promise.all(others.map((reading) => reading.live()));
    await eventually(() => told.length >= expected.length, `${String(expected)}; it was told ${String(told)}`);
    expect(told).toEqual(expected);
  });
});
