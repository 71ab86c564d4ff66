/** Whatever is sent to the API for backends, it is refused in the common shape, and nobody else notices. */
import { array, assert, asyncProperty, constantFrom, jsonValue, oneof, record, string, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backend, type Answer, type Results } from './harness/backend.ts';
import type { Refused } from './harness/raw.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { Witness } from './harness/witness.ts';

const UNLIMITED = { 'rate_limiting.enabled': 'false' };
/** The same inputs every time. */
const RUNS = { seed: 20_251_123, numRuns: 200 };
const TOPIC = 'orders.eu';

function expectRefusal(body: unknown, status: number): void {
  const { error } = body as Refused;
  expect(error).toMatchObject({
    code: status,
    reason: expect.stringMatching(/^[a-z_]+$/),
    message: expect.any(String),
  });
  expect(error.message.length).toBeLessThan(300);
}

function expectClientError({ status, body }: Answer): void {
  expect([status >= 400 && status < 500, status, body]).toEqual([true, status, body]);
  expectRefusal(body, status);
}

async function expectHealthy(server: TestServer, published: number): Promise<void> {
  expect((await server.get('/health')).status).toBe(200);
  expect(await server.metric('signalbox_published_total')).toBe(published);
  for (const name of ['actor_restarts_total', 'actors_stopped_total', 'dead_letters_total', 'delivery_unaccounted'])
    expect([name, await server.metric(`signalbox_${name}`)]).toEqual([name, 0]);
  const samples = (await server.samples('signalbox_http_requests_total')) as unknown as { status: string }[];
  expect(samples.filter(({ status }) => status === '5xx')).toEqual([]);
}

describe('malformed bodies', () => {
  test('bytes and text of any kind: always a 4xx in the common shape', async () => {
    const server = await startServer(UNLIMITED);
    const [witness, backend] = [await Witness.on(server), await Backend.on(server)];
    const text = oneof(
      string({ unit: 'binary', maxLength: 300 }),
      string({ maxLength: 300 }),
      uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
      jsonValue({ maxDepth: 4 }).map((value) => `${JSON.stringify(value)}]`),
      string({ maxLength: 20 }).map((key) => `{"topic":"${TOPIC}","payload":1,"${key}`),
    );
    let runs = 0;
    await assert(
      asyncProperty(text, async (body) => {
        expectClientError(await backend.post(body));
        runs += 1;
        await witness.expectUndisturbed();
      }),
      RUNS,
    );
    await expectHealthy(server, runs);
  });

  test('JSON of any shape where a message belongs: refused whole, or by item, with a 4xx', async () => {
    const server = await startServer(UNLIMITED);
    const [witness, backend] = [await Witness.on(server), await Backend.on(server)];
    const field = oneof(jsonValue({ maxDepth: 3 }), constantFrom('a.**', '@me', '', '..', 0, -1, null, [], {}, [[]]));
    const item = record(
      // Without a good topic or user, none of them can be taken.
      {
        topic: field.filter((value) => typeof value !== 'string'),
        target_user: constantFrom('', 0, null, [], {}),
        payload: field,
        id: field,
        trace: field,
        idempotency_key: field,
        constructor: field,
      },
      { requiredKeys: [] },
    );
    const body = oneof(item, field, array(oneof(item, field), { maxLength: 5 }));
    let runs = 0;
    await assert(
      asyncProperty(body, async (value) => {
        const answer = await backend.post<Results & Refused>(JSON.stringify(value));
        if (answer.status === 207) {
          expect(answer.body.results).toHaveLength((value as unknown[]).length);
          for (const result of answer.body.results) {
            expect(Object.keys(result)).toEqual(['error']);
            expect(result.error.code).toBeLessThan(500);
            expectRefusal(result, result.error.code);
          }
        } else expectClientError(answer);
        runs += 1;
        await witness.expectUndisturbed();
      }),
      RUNS,
    );
    await expectHealthy(server, runs);
  });

  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

  test.each<[string, string, string]>([
    ['nothing', '', 'invalid_field'],
    ['half a message', '{"topic":"orders.eu","payload":', 'malformed'],
    ['two messages', '{"topic":"orders.eu","payload":1}{"topic":"orders.eu","payload":1}', 'malformed'],
    ['a byte order mark', '\ufeff{"topic":"orders.eu","payload":1}', 'malformed'],
    ['NaN', '{"topic":"orders.eu","payload":NaN}', 'malformed'],
    ['a number beyond doubles', '{"topic":"orders.eu","payload":[1e999]}', 'invalid_field'],
    ['a prototype key', '{"topic":"orders.eu","payload":{"a":{"__proto__":{"isAdmin":true}}}}', 'invalid_field'],
    ['a prototype instead of fields', '{"__proto__":{"topic":"orders.eu","payload":1}}', 'invalid_field'],
    ['31 levels', `{"topic":"orders.eu","payload":${deep(31)}}`, 'invalid_field'],
    ['100,000 levels', `{"topic":"orders.eu","payload":${deep(100_000)}}`, 'payload_too_large'],
    ['20,000 levels', `{"topic":"orders.eu","payload":${deep(20_000)}}`, 'invalid_field'],
    ['no payload', '{"topic":"orders.eu"}', 'invalid_field'],
    ['a topic and a user', '{"topic":"orders.eu","target_user":"bob","payload":1}', 'invalid_field'],
    ['a topic that is no text', '{"topic":5,"payload":1}', 'invalid_field'],
    ['a pattern', '{"topic":"orders.*","payload":1}', 'invalid_topic'],
    ['a reserved topic', '{"topic":"@user.Ym9i","payload":1}', 'invalid_topic'],
    ['the own direct messages', '{"topic":"@me","payload":1}', 'invalid_topic'],
    ['another tenant', '{"topic":"acme/orders.eu","payload":1}', 'invalid_topic'],
    ['control characters', String.raw`{"topic":"orders\u0000\r\n.eu","payload":1}`, 'invalid_topic'],
    ['a user without a name', '{"target_user":"","payload":1}', 'invalid_field'],
    ['a user with a long name', `{"target_user":"${'x'.repeat(129)}","payload":1}`, 'invalid_field'],
    ['an id that is too long', `{"topic":"orders.eu","payload":1,"id":"${'x'.repeat(65)}"}`, 'invalid_field'],
    ['an empty key', '{"topic":"orders.eu","payload":1,"idempotency_key":""}', 'invalid_field'],
    ['a null', 'null', 'malformed'],
    ['text', '"orders.eu"', 'malformed'],
  ])('%s', async (_, body, reason) => {
    const server = await startServer(UNLIMITED);
    const backend = await Backend.on(server);
    const single = await backend.post(body);
    expectClientError(single);
    expect(single.body.error.reason).toBe(reason);
    expect(single.body.error.message).not.toMatch(/\bdata\b|\p{Cc}/u);
    await expectHealthy(server, 0);
    expect({}).not.toHaveProperty('isAdmin');
  });

  test('a good message among bad ones is taken, with the raw text of its own payload', async () => {
    const server = await startServer(UNLIMITED);
    const backend = await Backend.on(server);
    const good = '{"topic":"orders.eu","payload": {"]":"}, [{"} }';
    const { body } = await backend.post<Results>(
      `[{"topic":"orders.eu","payload":${deep(40)}} ,${good}, [${good}], 1e999]`,
    );
    expect(body.results.map((result) => result.error?.reason ?? result.sequence)).toEqual([
      'invalid_field',
      1,
      'malformed',
      'malformed',
    ]);
    expect((await backend.history(TOPIC)).body.messages).toMatchObject([{ data: { payload: { ']': '}, [{' } } }]);
  });
});

test('any query of a page is a page or a 400', async () => {
  const server = await startServer(UNLIMITED);
  const backend = await Backend.on(server);
  for (let at = 0; at < 5; at += 1) await backend.publish(TOPIC, at);
  const part = oneof(
    string({ unit: 'binary', maxLength: 30 }),
    constantFrom('1', '1000', 'true', 'a:1', ':0', 'a:b:2', ''),
  );
  const query = array(
    oneof(
      ...['limit', 'since', 'before', 'reverse'].map((name) => part.map((value) => [name, value] as const)),
      part.map((name) => [name, '1'] as const),
    ),
    { maxLength: 3 },
  );
  const statuses = new Set<number>();
  await assert(
    asyncProperty(query, async (pairs) => {
      const search = pairs
        .map(
          ([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`,
        )
        .join('&');
      const answer = await backend.call('GET', `/api/topics/${TOPIC}/history?${search}`);
      statuses.add(answer.status);
      if (answer.status === 200) expect(answer.body).toMatchObject({ topic: TOPIC, position: { sequence: 5 } });
      else expectClientError(answer);
    }),
    RUNS,
  );
  expect([...statuses].sort((a, b) => a - b)).toEqual([200, 400]);
  await expectHealthy(server, 5);
});
