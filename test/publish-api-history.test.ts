/** Backends read what is in a topic's log, page by page, as `History` gives it on the wire. */
import { describe, expect, test } from 'vitest';
import { Backend, type Answer, type Page } from './harness/backend.ts';
import { connect } from './harness/client.ts';
import type { Frame, Position } from './harness/frames.ts';
import type { Refused } from './harness/raw.ts';
import { startServer } from './harness/server.ts';

const TOPIC = 'orders.eu';

function sequences(messages: readonly Frame[]): number[] {
  return messages.map(({ data }) => data.sequence);
}

function text({ epoch, sequence }: Position): string {
  return `${epoch}:${sequence}`;
}

/** What the Link header of an answer asks for next. */
function linked({ headers }: Answer): Record<string, string> | null {
  const link = headers.get('link');
  if (link === null) return null;
  const query = /^<\?([^>]*)>; rel="next"$/.exec(link)?.[1];
  expect(query, link).toBeDefined();
  return Object.fromEntries(new URLSearchParams(query));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

async function withMessages(count: number, settings = {}): Promise<Backend> {
  const server = await startServer({ 'rate_limiting.enabled': 'false', ...settings });
  const backend = await Backend.on(server);
  for (let at = 1; at <= count; at += 1) await backend.publish(TOPIC, { n: at }, { id: `i${at}` });
  return backend;
}

describe('a page', () => {
  test('holds the frames that subscribers got, and where the head is', async () => {
    const backend = await withMessages(0);
    const client = await connect(backend.server.port);
    await client.subscribe(TOPIC);
    for (let at = 1; at <= 3; at += 1) await backend.publish(TOPIC, { n: at }, { id: `i${at}` });
    const frames = await client.take(3);
    const { status, headers, body } = await backend.history(TOPIC);
    expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'application/json',
      'no-store',
    ]);
    expect(body).toEqual({
      topic: TOPIC,
      complete: true,
      position: { epoch: frames[0]?.data.epoch, sequence: 3 },
      messages: frames,
    });
  });

  test('is the same as on the wire, whatever is asked for', async () => {
    const backend = await withMessages(12);
    const client = await connect(backend.server.port);
    const { position } = (await backend.position(TOPIC)).body;
    const at = (sequence: number): Position => ({ epoch: position.epoch, sequence });
    const asked = [
      { limit: 5 },
      { limit: 5, since: at(3) },
      { limit: 5, since: at(12) },
      { limit: 5, before: at(4) },
      { limit: 2, since: at(3), before: at(9) },
      { limit: 5, reverse: true },
      { limit: 5, reverse: true, before: at(4) },
      { limit: 100, since: { epoch: 'another', sequence: 3 } },
      { limit: 100, since: at(99) },
    ];
    for (const { limit, since, before, reverse } of asked) {
      const onWire = await client.ask('History', { topic: TOPIC, limit, since, before, reverse });
      const { body } = await backend.history(TOPIC, {
        limit: String(limit),
        ...(since && { since: text(since) }),
        ...(before && { before: text(before) }),
        ...(reverse && { reverse: 'true' }),
      });
      expect(body).toEqual(onWire.data.details);
    }
  });

  test('of a topic that never was is empty', async () => {
    const backend = await withMessages(0);
    const { status, body } = await backend.history('nobody.knows');
    expect([status, body]).toEqual([
      200,
      { topic: 'nobody.knows', complete: true, position: { epoch: '', sequence: 0 }, messages: [] },
    ]);
  });

  test('of a tenant is that of nobody else', async () => {
    const backend = await withMessages(3);
    const other = await Backend.on(backend.server, { claims: { tenant: 'acme' } });
    expect((await other.history(TOPIC)).body.messages).toEqual([]);
    await other.publish(TOPIC, 'theirs');
    expect((await other.history(TOPIC)).body.messages.map(({ data }) => data.payload)).toEqual(['theirs']);
    expect((await backend.history(TOPIC)).body.messages).toHaveLength(3);
  });

  test('of @me are the direct messages to the caller', async () => {
    const backend = await withMessages(0);
    await backend.post({ target_user: 'shop', payload: 'for you' });
    const { body } = await backend.history('@me');
    expect(body.messages).toMatchObject([{ type: 'DirectMessage', data: { from_user: 'shop', payload: 'for you' } }]);
    expect((await backend.position('@me')).body).toMatchObject({ position: { sequence: 1 } });
  });
});

describe('paging', () => {
  test.each([
    { reverse: false, limit: '7' },
    { reverse: true, limit: '7' },
    { reverse: false, limit: '25' },
    { reverse: true, limit: '24' },
  ])('by next and by Link comes by every message once (reverse: $reverse, $limit)', async ({ reverse, limit }) => {
    const backend = await withMessages(25);
    const all: number[] = [];
    let query: Record<string, string> | null = { limit, ...(reverse && { reverse: 'true' }) };
    while (query !== null) {
      const answer: Answer<Page> = await backend.history(TOPIC, query);
      expect(answer.body.messages.length).toBeLessThanOrEqual(Number(limit));
      expect(answer.body.complete).toBe(true);
      all.push(...sequences(answer.body.messages));
      const next = linked(answer);
      if (answer.body.next === undefined) expect(next).toBeNull();
      else expect(next).toEqual({ ...query, [reverse ? 'before' : 'since']: text(answer.body.next) });
      query = next;
    }
    expect(all).toEqual(reverse ? upTo(25).toReversed() : upTo(25));
  });

  test('keeps the other bound on the way', async () => {
    const backend = await withMessages(20);
    const { position } = (await backend.position(TOPIC)).body;
    const before = text({ epoch: position.epoch, sequence: 15 });
    const first = await backend.history(TOPIC, { limit: '5', since: text({ ...position, sequence: 4 }), before });
    expect(sequences(first.body.messages)).toEqual([5, 6, 7, 8, 9]);
    const next = linked(first);
    expect(next?.['before']).toBe(before);
    const second = await backend.history(TOPIC, next ?? {});
    expect(sequences(second.body.messages)).toEqual([10, 11, 12, 13, 14]);
    expect(linked(second)).toBeNull();
  });

  test('large messages end a page at 256 KiB, and nothing is left out', async () => {
    const backend = await withMessages(0);
    for (let at = 0; at < 10; at += 1) await backend.publish(TOPIC, 'x'.repeat(60_000));
    const all: number[] = [];
    let query: Record<string, string> | null = {};
    let pages = 0;
    while (query !== null) {
      const answer: Answer<Page> = await backend.history(TOPIC, query);
      all.push(...sequences(answer.body.messages));
      query = linked(answer);
      pages += 1;
    }
    expect(all).toEqual(upTo(10));
    expect(pages).toBeGreaterThan(2);
  });

  test('says when what it was to start after is gone', async () => {
    const backend = await withMessages(20, {
      'topics.rules': '[{"pattern":"orders.**","history":10}]',
      'actor_system.mailbox_capacity': '10',
    });
    const { position, first } = (await backend.position(TOPIC)).body;
    expect([position.sequence, first]).toEqual([20, 11]);
    const page = await backend.history(TOPIC, { since: text({ ...position, sequence: 5 }) });
    expect([page.body.complete, sequences(page.body.messages)[0]]).toEqual([false, 11]);
    const strange = await backend.history(TOPIC, { since: 'another:5' });
    expect(strange.body).toMatchObject({ complete: false, reason: 'unknown_epoch' });
  });

  test('from the position of an acknowledgement gives what came after it', async () => {
    const backend = await withMessages(5);
    const ack = await backend.publish(TOPIC, 'mine');
    await backend.publish(TOPIC, 'after');
    const { body } = await backend.history(TOPIC, { since: text(ack) });
    expect(body.messages.map(({ data }) => data.payload)).toEqual(['after']);
  });
});

describe('the position', () => {
  test('is the head, and where a client can subscribe', async () => {
    const backend = await withMessages(4);
    const { body } = await backend.position(TOPIC);
    expect(body).toEqual({ topic: TOPIC, position: { epoch: expect.any(String), sequence: 4 }, first: 1 });
    await backend.publish(TOPIC, 'next');
    const client = await connect(backend.server.port);
    await client.subscribe({ topic: TOPIC, ...body.position });
    expect((await client.next('Broadcast')).data).toMatchObject({ sequence: 5, payload: 'next', replayed: true });
  });

  test('of a topic that never was is before the first message, and asking makes no topic', async () => {
    const backend = await withMessages(0);
    for (let at = 0; at < 5; at += 1)
      expect((await backend.position(`topic.${at}`)).body).toMatchObject({
        position: { epoch: '', sequence: 0 },
        first: 1,
      });
    expect(await backend.server.metric('signalbox_log_topics')).toBe(0);
  });
});

describe('what is no page', () => {
  test.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=99999999999999999999', 'limit'],
    ['since=', 'since'],
    ['since=5', 'since'],
    ['since=epoch', 'since'],
    ['since=epoch:-1', 'since'],
    ['since=epoch:1.5', 'since'],
    ['since=epoch:9999999999999999', 'since'],
    [`since=${'x'.repeat(65)}:1`, 'since'],
    ['before=x', 'before'],
    ['reverse=1', 'reverse'],
    ['reverse=', 'reverse'],
    ['after=e:5', 'after'],
    ['sinse=e:5', 'sinse'],
    ['limit=5&limit=6', 'limit'],
    ['__proto__=1', '__proto__'],
  ])('?%s is 400 and says %s', async (query, name) => {
    const backend = await withMessages(1);
    const { status, body } = await backend.call<Refused>('GET', `/api/topics/${TOPIC}/history?${query}`);
    expect([status, body.error.reason]).toEqual([400, 'invalid_field']);
    expect(body.error.message).toContain(name);
  });

  test.each(['a..b', 'a.', 'a%20b', '@user.Ym9i', 'a.*', '%40', 'x'.repeat(257), 'a%2Fb'])(
    'the topic %s is 400',
    async (topic) => {
      const backend = await withMessages(0);
      for (const answer of [await backend.history<Refused>(topic), await backend.position<Refused>(topic)])
        expect([answer.status, answer.body.error.reason]).toEqual([400, 'invalid_topic']);
    },
  );

  test('a topic whose percent-encoding is no text is 400', async () => {
    const backend = await withMessages(0);
    for (const answer of [await backend.history<Refused>('%E0%A4%A'), await backend.position<Refused>('%E0%A4%A')])
      expect([answer.status, answer.body.error.reason]).toEqual([400, 'malformed']);
  });

  test('an ephemeral topic has none: 422', async () => {
    const backend = await withMessages(0, { 'topics.rules': '[{"pattern":"typing.**","history":0}]' });
    await backend.publish('typing.room', 1);
    for (const answer of [
      await backend.history<Refused>('typing.room'),
      await backend.position<Refused>('typing.room'),
    ])
      expect([answer.status, answer.body.error.reason]).toEqual([422, 'no_history']);
  });
});
