/** Backends publish by HTTP what clients get over WebSocket: docs/http.md, "API for backends". */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Draft, Published, Reply } from '../src/broker/broker.ts';
import { Backend, type Results } from './harness/backend.ts';
import { connect } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { Witness } from './harness/witness.ts';

const TOPIC = 'orders.eu';

type Publish = (topic: string, draft: Draft, reply: Reply<Published>) => void;

/** Puts something before the broker's own publish, for this test. */
function intercept(server: TestServer, around: (publish: Publish) => Publish): void {
  const { broker } = server.running.node.parts.context;
  const spy = vi.spyOn(broker, 'publish');
  const own: Publish = Object.getPrototypeOf(broker).publish.bind(broker);
  spy.mockImplementation(around(own));
  onTestFinished(() => spy.mockRestore());
}

describe('one message', () => {
  test('reaches everybody who listens, as if it had come from a socket', async () => {
    const server = await startServer();
    const [json, msgpack] = [await connect(server.port), await connect(server.port, { format: 'msgpack' })];
    const { positions } = await json.subscribe(TOPIC);
    await msgpack.subscribe('orders.*');
    const backend = await Backend.on(server);
    const { status, headers, body } = await backend.post({
      topic: TOPIC,
      payload: { total: 12.5 },
      id: 'o-1',
      trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(body).toEqual({
      message_id: 'o-1',
      status: 'delivered',
      topic: TOPIC,
      id: expect.stringMatching(/^\d+-1-.{6}$/),
      sequence: 1,
      epoch: positions[TOPIC]?.epoch,
      recipients: 2,
    });
    for (const client of [json, msgpack]) {
      const frame = await client.next('Broadcast');
      expect(frame).toMatchObject({
        id: body.id,
        trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        data: { topic: TOPIC, sequence: 1, from: 'shop', client_id: 'o-1', payload: { total: 12.5 } },
      });
    }
    expect(await server.metric('signalbox_published_total')).toBe(1);
  });

  test('shares its sequence with what sockets publish', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe(TOPIC);
    const backend = await Backend.on(server);
    for (let at = 0; at < 10; at += 1) {
      await client.publish(TOPIC, at * 2);
      await backend.publish(TOPIC, at * 2 + 1);
    }
    const frames = await client.take(20);
    expect(frames.map(({ data }) => data.sequence)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(frames.map(({ data }) => data.payload)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(frames.map(({ data }) => data.from)).toEqual(
      Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? 'alice' : 'shop')),
    );
  });

  test('keeps the payload as it was written, character by character', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe(TOPIC);
    const backend = await Backend.on(server);
    const payload = String.raw`{ "price": 1.0, "big": 12345678901234567890, "text": "\u00e9\/" }`;
    await backend.post(`{"topic":"${TOPIC}", "payload" : ${payload} }`);
    await backend.post(`[ {"topic":"${TOPIC}","payload":1} , {"payload":${payload},"topic":"${TOPIC}"}]`);
    await client.take(3);
    const texts = client.messages.filter((message) => String(message).includes('"price"'));
    expect(texts).toHaveLength(2);
    for (const text of texts) expect(text).toContain(`"payload":${payload}`);
  });

  test.each([undefined, 'text/plain', 'application/json', 'application/x-www-form-urlencoded', 'nonsense'])(
    'whatever Content-Type says (%s)',
    async (type) => {
      const server = await startServer();
      const backend = (await Backend.on(server)).with(type === undefined ? {} : { 'content-type': type });
      // As bytes, because for text fetch adds a type of its own.
      const { status } = await backend.post(new TextEncoder().encode(`{"topic":"${TOPIC}","payload":1}`));
      expect(status).toBe(200);
    },
  );

  test('to one user: every device gets it, and who is away finds it later', async () => {
    const server = await startServer();
    const backend = await Backend.on(server);
    const away = await backend.post({ target_user: 'bob', payload: 'first' });
    expect(away.body).toMatchObject({ status: 'queued', sequence: 1, recipients: 0 });
    const bob = await connect(server.port, { user: 'bob' });
    await bob.subscribe({ topic: '@me', from: 'earliest' });
    expect((await bob.next('DirectMessage')).data).toMatchObject({ from_user: 'shop', payload: 'first' });
    const there = await backend.post({ target_user: 'bob', payload: 'second' });
    expect(there.body).toMatchObject({ status: 'delivered', sequence: 2, recipients: 1 });
    expect(there.body).not.toHaveProperty('topic');
    expect((await bob.next('DirectMessage')).data).toMatchObject({ payload: 'second', sequence: 2 });
  });

  test('on an ephemeral topic: routed, without id and sequence', async () => {
    const server = await startServer({ 'topics.rules': '[{"pattern":"typing.**","history":0}]' });
    const client = await connect(server.port);
    await client.subscribe('typing.room');
    const backend = await Backend.on(server);
    expect(await backend.publish('typing.room', 1)).toEqual({
      status: 'delivered',
      topic: 'typing.room',
      recipients: 1,
    });
    expect((await client.next('Broadcast')).data).toMatchObject({ payload: 1 });
  });

  test('stays within its tenant', async () => {
    const server = await startServer();
    const [ours, theirs] = [
      await connect(server.port, { claims: { tenant: 'acme' } }),
      await connect(server.port, { claims: { tenant: 'other' } }),
    ];
    await ours.subscribe(TOPIC);
    await theirs.subscribe(TOPIC);
    const backend = await Backend.on(server, { claims: { tenant: 'acme' } });
    expect(await backend.publish(TOPIC, 'ours')).toMatchObject({ topic: TOPIC, recipients: 1 });
    expect((await ours.next('Broadcast')).data.payload).toBe('ours');
    await theirs.publish(TOPIC, 'theirs');
    expect((await theirs.next('Broadcast')).data).toMatchObject({ payload: 'theirs', sequence: 1 });
  });

  test('the traceparent header is the trace of what names none', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe(TOPIC);
    const backend = (await Backend.on(server)).with({ traceparent: '00-aa-bb-01' });
    await backend.post([
      { topic: TOPIC, payload: 1 },
      { topic: TOPIC, payload: 2, trace: 'own' },
    ]);
    await backend.with({ traceparent: 'x'.repeat(129) }).publish(TOPIC, 3);
    expect((await client.take(3)).map(({ trace }) => trace)).toEqual(['00-aa-bb-01', 'own', undefined]);
  });
});

describe('an array', () => {
  test('is answered in order, each message on its own', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe(TOPIC);
    const backend = await Backend.on(server, { claims: { topics: { publish: ['orders.**'], subscribe: [] } } });
    const { status, body } = await backend.post<Results>([
      { topic: TOPIC, payload: 'a' },
      { topic: 'secret.plans', payload: 'b' },
      'nonsense',
      { topic: TOPIC, payload: 'c', id: 'third' },
      { topic: 'or ders', payload: 1 },
      { topic: 'orders.us' },
      { target_user: 'bob', payload: 1 },
    ]);
    expect(status).toBe(207);
    expect(body.results.map((result) => result.error?.reason ?? result.status)).toEqual([
      'delivered',
      'not_allowed',
      'malformed',
      'delivered',
      'invalid_topic',
      'invalid_field',
      'queued',
    ]);
    expect(body.results[1]).toEqual({
      error: { code: 403, reason: 'not_allowed', message: expect.any(String), details: expect.any(Object) },
    });
    expect([body.results[0]?.sequence, body.results[3]?.sequence]).toEqual([1, 2]);
    expect((await client.take(2)).map(({ data }) => data.payload)).toEqual(['a', 'c']);
  });

  test('all taken is 200', async () => {
    const server = await startServer();
    const { status, body } = await (await Backend.on(server)).post<Results>([{ topic: TOPIC, payload: 1 }]);
    expect([status, body.results[0]?.status]).toEqual([200, 'delivered']);
  });

  test('of 100 is taken, of none or 101 is refused whole', async () => {
    const server = await startServer();
    const backend = await Backend.on(server);
    const items = Array.from({ length: 101 }, (_, at) => ({ topic: TOPIC, payload: at }));
    for (const wrong of [items, []]) {
      const { status, body } = await backend.post(wrong);
      expect([status, body.error.reason]).toEqual([400, 'malformed']);
      expect(body.error.message).toContain(`got ${wrong.length}`);
    }
    const { status, body } = await backend.post<Results>(items.slice(0, 100));
    expect(status).toBe(200);
    expect(body.results.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  });

  test('arrays of several backends at once: every subscriber gets every sequence once and in order', async () => {
    const server = await startServer({ 'rate_limiting.enabled': 'false' });
    const clients = [await connect(server.port), await connect(server.port, { format: 'msgpack', batching: true })];
    for (const client of clients) await client.subscribe(TOPIC);
    const backends = await Promise.all(['one', 'two', 'three'].map((user) => Backend.on(server, { user })));
    const acks = await Promise.all(
      backends.map(async (backend, who) => {
        const taken = new Map<number, string>();
        for (let round = 0; round < 5; round += 1) {
          const payloads = Array.from({ length: 20 }, (_, at) => `${who}/${round * 20 + at}`);
          const { body } = await backend.post<Results>(payloads.map((payload) => ({ topic: TOPIC, payload })));
          for (const [at, { sequence }] of body.results.entries()) taken.set(sequence, payloads[at] ?? '');
        }
        return taken;
      }),
    );
    const expected = new Map(acks.flatMap((taken) => [...taken]));
    expect(expected.size).toBe(300);
    for (const client of clients) {
      const frames = await client.take(300);
      expect(frames.map(({ data }) => data.sequence)).toEqual(Array.from({ length: 300 }, (_, at) => at + 1));
      for (const { data } of frames) expect(data.payload).toBe(expected.get(data.sequence));
      for (const who of [0, 1, 2]) {
        const own = frames.map(({ data }) => String(data.payload)).filter((payload) => payload.startsWith(`${who}/`));
        expect(own).toEqual(Array.from({ length: 100 }, (_, at) => `${who}/${at}`));
      }
    }
  });

  test('keeps its order when the broker answers late and in another one', async () => {
    const server = await startServer();
    const replies: (() => void)[] = [];
    intercept(server, (own) => (topic, draft, reply) => {
      replies.unshift(() => own(topic, draft, reply));
      if (replies.length === 3) for (const answer of replies) answer();
    });
    const backend = await Backend.on(server);
    const { body } = await backend.post<Results>(
      [1, 2, 3].map((payload) => ({ topic: TOPIC, payload, id: `i${payload}` })),
    );
    expect(body.results.map(({ message_id: id, sequence }) => [id, sequence])).toEqual([
      ['i1', 3],
      ['i2', 2],
      ['i3', 1],
    ]);
  });

  test('one that fails inside the server is told so, and the others are taken', async () => {
    const server = await startServer();
    intercept(server, (own) => (topic, draft, reply) => {
      if (draft.payload === '2') throw new Error('a fault that callers must not read');
      own(topic, draft, reply);
    });
    const backend = await Backend.on(server);
    const { status, body } = await backend.post<Results>([1, 2, 3].map((payload) => ({ topic: TOPIC, payload })));
    expect(status).toBe(207);
    expect(body.results.map((result) => result.error?.reason ?? result.sequence)).toEqual([1, 'internal', 2]);
    expect(JSON.stringify(body)).not.toContain('must not read');
  });
});

describe('idempotency', () => {
  test('a repeat is answered with the first id and sequence and published once', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe(TOPIC);
    const backend = await Backend.on(server);
    const first = await backend.publish(TOPIC, { n: 1 }, { idempotency_key: 'k' });
    const again = await backend.publish(TOPIC, { n: 1 }, { idempotency_key: 'k' });
    expect(again).toEqual({ ...first, status: 'duplicate' });
    const other = await backend.post({ topic: TOPIC, payload: { n: 2 }, idempotency_key: 'k' });
    expect([other.status, other.body.error.reason]).toEqual([409, 'idempotency_conflict']);
    await backend.publish(TOPIC, 'end');
    expect((await client.take(2)).map(({ data }) => data.payload)).toEqual([{ n: 1 }, 'end']);
    expect(await server.metric('signalbox_published_duplicates_total')).toBe(1);
  });

  test.each(['k', '"k"'])('the header Idempotency-Key: %s is the key of a single message', async (key) => {
    const server = await startServer();
    const backend = await Backend.on(server);
    const first = await backend.with({ 'idempotency-key': key }).publish(TOPIC, 1);
    expect(await backend.publish(TOPIC, 1, { idempotency_key: 'k' })).toEqual({ ...first, status: 'duplicate' });
    expect((await backend.with({ 'idempotency-key': key }).publish(TOPIC, 1)).status).toBe('duplicate');
  });

  test('header and field that differ, a header for an array, and one that is no key, are refused', async () => {
    const server = await startServer();
    const backend = (await Backend.on(server)).with({ 'idempotency-key': 'a' });
    const empty = backend.with({ 'idempotency-key': '""' });
    const long = backend.with({ 'idempotency-key': 'x'.repeat(65) });
    const item = { topic: TOPIC, payload: 1 };
    for (const { status, body } of [
      await backend.post({ ...item, idempotency_key: 'b' }),
      await backend.post([item]),
      await empty.post(item),
      await long.post(item),
    ])
      expect([status, body.error.reason]).toEqual([400, 'invalid_field']);
    expect((await backend.post({ ...item, idempotency_key: 'a' })).status).toBe(200);
    expect(await server.metric('signalbox_published_total')).toBe(1);
  });

  test('sockets and HTTP share the keys of a user', async () => {
    const server = await startServer();
    const client = await connect(server.port, { user: 'shop', roles: ['service'] });
    const ack = await client.ask('Broadcast', { topic: TOPIC, payload: 1, idempotency_key: 'k' });
    const backend = await Backend.on(server);
    expect(await backend.publish(TOPIC, 1, { idempotency_key: 'k' })).toMatchObject({
      status: 'duplicate',
      id: ack.data.id,
    });
    const other = await Backend.on(server, { user: 'another' });
    expect(await other.publish(TOPIC, 1, { idempotency_key: 'k' })).toMatchObject({ status: 'delivered', sequence: 2 });
  });

  test('in an array, each message has its own', async () => {
    const server = await startServer();
    const backend = await Backend.on(server);
    const item = { topic: TOPIC, payload: 1, idempotency_key: 'k' };
    const { status, body } = await backend.post<Results>([
      item,
      item,
      { ...item, payload: 2 },
      { ...item, idempotency_key: 'l' },
    ]);
    expect(status).toBe(207);
    expect(body.results.map((result) => result.error?.reason ?? `${result.status} ${result.sequence}`)).toEqual([
      'delivered 1',
      'duplicate 1',
      'idempotency_conflict',
      'delivered 2',
    ]);
  });
});

test('a caller that goes away before its answer harms nobody', async () => {
  const server = await startServer();
  const witness = await Witness.on(server);
  const asked = Promise.withResolvers<() => void>();
  intercept(server, (own) => (topic, draft, reply) => {
    if (topic === TOPIC) asked.resolve(() => own(topic, draft, reply));
    else own(topic, draft, reply);
  });
  const { headers } = await Backend.on(server);
  const leaving = new AbortController();
  const gone = fetch(`${server.url}/api/publish`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ topic: TOPIC, payload: 1 }),
    signal: leaving.signal,
  });
  const answer = await within(asked.promise, 'the broker to be asked');
  leaving.abort();
  await expect(gone).rejects.toThrow();
  await witness.expectUndisturbed();
  answer();
  await witness.expectUndisturbed();
});
