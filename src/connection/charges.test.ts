import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';
import { refusal } from '../protocol/errors.ts';

describe('strikes', () => {
  let rig: TestRig;
  let client: TestClient;

  beforeEach(() => {
    rig = new TestRig();
    client = rig.connect();
  });

  function malformed(count: number): void {
    for (let at = 0; at < count; at += 1) client.sendRaw('{');
  }

  test('nineteen bad frames are answered, the twentieth closes with 4010', () => {
    malformed(19);
    expect(client.link.isClosed).toBe(false);
    malformed(1);
    expect(client.link.closeReason).toBe('too_many_errors');
    expect(rig.counters.closed.get('4010')).toBe(1);
    expect(flow(client.take())).toEqual(Array.from({ length: 20 }, () => 'Error malformed'));
  });

  test.each([
    ['malformed', (): void => client.sendRaw('[]')],
    ['unknown_type', (): void => void client.send('Nonsense')],
    ['invalid_field', (): void => void client.send('Subscribe', { topics: 7 })],
    ['invalid_topic', (): void => void client.send('Broadcast', { topic: 'not a topic', payload: 1 })],
    ['payload_too_large', (): void => client.connection.oversized(new ArrayBuffer(100_000), false)],
  ])('%s is a strike', (reason, send) => {
    for (let at = 0; at < 19; at += 1) send();
    expect(client.link.isClosed).toBe(false);
    send();
    expect(client.link.closeReason).toBe('too_many_errors');
    expect(new Set(flow(client.take()))).toEqual(new Set([`Error ${reason}`]));
  });

  test('they decay one by one, all of them within a minute', () => {
    malformed(19);
    rig.pass(3);
    malformed(1);
    expect(client.link.isClosed).toBe(false);
    rig.pass(60);
    malformed(19);
    expect(client.link.isClosed).toBe(false);
    malformed(1);
    expect(client.link.closeReason).toBe('too_many_errors');
  });

  test('a bad frame every three seconds is forgiven for ever', () => {
    rig.pass(300, () => {
      if (rig.node.beat % 3 === 0) malformed(1);
    });
    expect(client.link.isClosed).toBe(false);
    expect(client.frames).toHaveLength(100);
  });

  test.each([
    ['not_allowed', 403, (): void => void client.ask('Broadcast', { topic: 'secret.a', payload: 1 })],
    [
      'not_found',
      404,
      (): void => void client.ask('GetMissedMessages', { since: '1-1-abcdef', session_id: 's-nobody' }),
    ],
    [
      'idempotency_conflict',
      409,
      (): void =>
        void client.ask('Broadcast', { topic: 'chat.a', payload: client.frames.length, idempotency_key: 'k' }),
    ],
    ['no_history', 422, (): void => void client.ask('History', { topic: 'typing.a', limit: 1 })],
    [
      'log_unavailable',
      503,
      (): void => {
        rig.broker.refuses.set('publish', refusal('log_unavailable', 'away'));
        client.ask('Broadcast', { topic: 'chat.b', payload: 1 });
      },
    ],
  ])('%s (%i) is none', (reason, code, send) => {
    rig.publish('typing.a');
    rig.connect('bob').ask('Broadcast', { topic: 'chat.a', payload: 0 });
    client.ask('Broadcast', { topic: 'chat.a', payload: 'first', idempotency_key: 'k' });
    client.take();
    for (let at = 0; at < 40; at += 1) send();
    expect(client.link.isClosed).toBe(false);
    const errors = client.take();
    expect(errors).toHaveLength(40);
    for (const { data } of errors) expect(data).toMatchObject({ code, reason });
  });

  test('every client has its own', () => {
    const other = rig.connect('bob');
    malformed(19);
    for (let at = 0; at < 19; at += 1) other.sendRaw('{');
    expect([client.link.isClosed, other.link.isClosed]).toEqual([false, false]);
    malformed(1);
    expect([client.link.isClosed, other.link.isClosed]).toEqual([true, false]);
  });
});

describe('rates', () => {
  function limited(perSecond: number, burst: number): { rig: TestRig; client: TestClient } {
    const rig = new TestRig({ limits: { connectionRate: { perSecond, burst } } });
    const client = rig.connect();
    // The first Ping of a beat is free.
    client.ask('Ping');
    client.take();
    return { rig, client };
  }

  test('a burst is allowed, one frame more is told when to come back', () => {
    const { rig, client } = limited(10, 5);
    for (let at = 0; at < 5; at += 1) expect(client.ask('Ping').type).toBe('Pong');
    const refused = client.ask('Ping');
    expect(refused).toMatchObject({
      type: 'Error',
      data: { code: 429, reason: 'rate_limited', temporary: true, retry_after_ms: 100 },
    });
    rig.clock.advance(100);
    expect(client.ask('Ping').type).toBe('Pong');
    expect(client.ask('Ping').type).toBe('Error');
  });

  test.each([
    ['Subscribe of 10 topics', 1, 'Subscribe', { topics: Array.from({ length: 10 }, (_, at) => `chat.t${at}`) }],
    ['Subscribe of 11 topics', 2, 'Subscribe', { topics: Array.from({ length: 11 }, (_, at) => `chat.t${at}`) }],
    ['History', 5, 'History', { topic: 'chat.a', limit: 1 }],
    ['GetMissedMessages', 5, 'GetMissedMessages', { since: {} }],
    ['Broadcast', 1, 'Broadcast', { topic: 'chat.a', payload: 1 }],
    ['a frame that is refused', 1, 'Nonsense', {}],
    ['a Broadcast of almost 8 KiB', 1, 'Broadcast', { topic: 'chat.a', payload: 'x'.repeat(8_000) }],
    ['a Broadcast of more than 8 KiB', 2, 'Broadcast', { topic: 'chat.a', payload: 'x'.repeat(8_300) }],
    ['a Broadcast of 60,000 bytes', 8, 'Broadcast', { topic: 'chat.a', payload: 'x'.repeat(60_000) }],
    ['a DirectMessage of 60,000 bytes', 8, 'DirectMessage', { target_user: 'bob', payload: 'x'.repeat(60_000) }],
    ['60,000 bytes that are refused', 8, 'Nonsense', { x: 'x'.repeat(60_000) }],
  ])('%s costs %i', (_, cost, type, data) => {
    const { client } = limited(10, 20);
    client.ask(type, data);
    let left = 0;
    while (client.ask('Ping').type === 'Pong') left += 1;
    expect(left).toBe(20 - cost);
  });

  test('of a user hold for all its connections together, those of the node for all users', () => {
    const rig = new TestRig({
      userRate: { perSecond: 10, burst: 4 },
      nodeRate: { perSecond: 10, burst: 6 },
    });
    const [first, second, other] = [rig.connect('ada'), rig.connect('ada'), rig.connect('bob')];
    const publish = (client: TestClient): string =>
      flow([client.ask('Broadcast', { topic: 't', payload: 1 })])[0] ?? '';
    expect([first, second, first, second].map(publish)).toEqual(Array.from({ length: 4 }, () => 'Ack delivered'));
    expect([first, second].map(publish)).toEqual(['Error rate_limited', 'Error rate_limited']);
    expect([other, other, other].map(publish)).toEqual(['Ack delivered', 'Ack delivered', 'Error rate_limited']);
    expect(Object.fromEntries(rig.counters.rateLimited.counts)).toEqual({ user: 2, global: 1 });
  });

  const positions = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`chat.${at}`, { epoch: 'e', sequence: 1 }]));

  test.each([
    ['an Ack of 20 positions', 2, 'Ack', { positions: positions(20) }],
    ['an Ack of more than the bucket holds', 20, 'Ack', { positions: positions(500) }],
    ['GetMissedMessages of 25 positions', 7, 'GetMissedMessages', { since: positions(25) }],
    ['a pattern with 25 positions', 3, 'Subscribe', { topics: [{ topic: 'chat.*', positions: positions(25) }] }],
  ])('%s costs %i', (_, cost, type, data) => {
    const { rig, client } = limited(10, 20);
    client.send(type, data);
    rig.settle();
    let left = 0;
    while (client.ask('Ping').type === 'Pong') left += 1;
    expect(left).toBe(20 - cost);
  });

  test('ten Acks of one position cost one', () => {
    const { client } = limited(10, 20);
    for (let at = 0; at < 10; at += 1) client.send('Ack', { positions: positions(1) });
    let left = 0;
    while (client.ask('Ping').type === 'Pong') left += 1;
    expect(left).toBe(19);
  });

  test('the topics that a pattern looks at and brings are charged afterwards, and then no pattern is taken', () => {
    const rig = new TestRig({
      limits: { connectionRate: { perSecond: 10, burst: 10 }, maxMatchedTopics: 5_000 },
      maxTopics: 5_000,
    });
    const names = Array.from({ length: 3_000 }, (_, at) => `chat.${at}.a`);
    const [other, client] = [rig.connect('bob'), rig.connect()];
    for (const name of names) rig.router.whenKept(rig.router.join(name, other.connection).topic, () => {});
    rig.settle();
    expect(client.askStatus('Subscribe', { topics: ['chat.7.*'] })).toMatchObject({ rejected: [] });
    // Thirty tokens for the three thousand that it brings, three for looking at them.
    const { topics, rejected } = client.askStatus('Subscribe', { topics: ['chat.**', 'chat.*.b', 'chat.*.c'] });
    expect(topics).toEqual(['chat.**']);
    expect(rejected).toMatchObject([
      { topic: 'chat.*.b', code: 429, reason: 'rate_limited' },
      { topic: 'chat.*.c', code: 429, reason: 'rate_limited' },
    ]);
    expect(client.ask('Ping').type).toBe('Pong');
    expect(client.ask('Ping').data).toMatchObject({ reason: 'rate_limited' });
    rig.clock.advance(2_000);
    expect(client.ask('Ping').data).toMatchObject({ reason: 'rate_limited' });
    rig.clock.advance(3_000);
    expect(client.askStatus('Subscribe', { topics: ['chat.1.*'] })).toMatchObject({ topics: ['chat.1.*'] });
  });

  test('pings, pongs and empty Acks have a rate: a flood of them ends the connection', () => {
    const rig = new TestRig({ limits: { connectionRate: { perSecond: 10, burst: 10 } } });
    const client = rig.connect();
    rig.pass(30, () => client.connection.ponged());
    expect(client.link.isClosed).toBe(false);
    rig.pass(12, () => {
      for (let at = 0; at < 100; at += 1) {
        client.connection.ponged();
        client.connection.pinged(10);
        client.send('Ack', { positions: {} });
      }
    });
    expect(client.link.closeReason).toBe('rate_limited');
  });

  test('no message costs more than a full bucket, however small that is', () => {
    const { rig, client } = limited(1, 3);
    for (let at = 0; at < 3; at += 1) {
      rig.clock.advance(10_000);
      expect(client.ask('Broadcast', { topic: 'chat.a', payload: 'x'.repeat(60_000) }).type).toBe('Ack');
      const refused = client.ask('Broadcast', { topic: 'chat.a', payload: 'x' });
      expect(refused.data).toMatchObject({ reason: 'rate_limited', retry_after_ms: 1_000 });
    }
  });

  test('a large message of a client without enough for its size is refused unread, and the client is told when', () => {
    const { rig, client } = limited(10, 20);
    for (let at = 0; at < 14; at += 1) client.ask('Ping');
    client.take();
    const frame = { topic: 'chat.a', payload: 'x'.repeat(60_000) };
    const id = client.send('Broadcast', frame);
    expect(client.repliesTo(id)).toEqual([]);
    expect(client.take().map(({ data }) => data)).toMatchObject([{ reason: 'rate_limited', retry_after_ms: 200 }]);
    rig.clock.advance(200);
    expect(client.ask('Broadcast', frame).type).toBe('Ack');
  });

  test('a large message of a client that has nothing left is refused unread', () => {
    const { client } = limited(10, 5);
    client.send('Ack', { positions: positions(50) });
    client.take();
    const id = client.send('Broadcast', { topic: 'chat.a', payload: 'x'.repeat(5_000) });
    expect(client.repliesTo(id)).toEqual([]);
    expect(flow(client.take())).toEqual(['Error rate_limited']);
    expect(client.ask('Broadcast', { topic: 'chat.a', payload: 'x' }).data['reason']).toBe('rate_limited');
  });

  test('a large message that comes before its sender was told to come back is refused unread, a small one is read', () => {
    const { rig, client } = limited(10, 10);
    client.send('Ack', { positions: positions(50) });
    // Ten tokens, and five are left: those are not taken, so the bucket alone would have every repetition read.
    client.send('Ack', { positions: positions(1_000) });
    expect(flow(client.take())).toEqual(['Error rate_limited']);
    const early = client.send('Broadcast', { topic: 'chat.a', payload: 'x'.repeat(5_000) });
    expect(client.repliesTo(early)).toEqual([]);
    const [refused] = client.take();
    expect(refused?.data).toMatchObject({ reason: 'rate_limited', retry_after_ms: 500 });
    expect(client.ask('Broadcast', { topic: 'chat.a', payload: 'x' }).type).toBe('Ack');
    rig.clock.advance(500);
    expect(client.ask('Broadcast', { topic: 'chat.a', payload: 'x'.repeat(5_000) }).type).toBe('Ack');
  });

  test('an Ack without positions and one Ping a second cost nothing', () => {
    const { rig, client } = limited(1, 2);
    for (let at = 0; at < 2; at += 1) expect(client.ask('Ping').type).toBe('Pong');
    for (let at = 0; at < 50; at += 1) client.send('Ack', { positions: {} });
    expect(client.ask('Broadcast', { topic: 'chat.a', payload: 1 }).data['reason']).toBe('rate_limited');
    rig.node.beat += 1;
    expect(client.ask('Ping').type).toBe('Pong');
    expect(client.ask('Ping').data['reason']).toBe('rate_limited');
    expect(client.frames.filter(({ type }) => type === 'Error')).toHaveLength(2);
  });
});

describe('a flood', () => {
  const RATE = 10;

  function flooded(perBeat: number, beats: number, quietAt = -1): TestClient {
    const rig = new TestRig({ limits: { connectionRate: { perSecond: RATE, burst: RATE } } });
    const client = rig.connect();
    let beat = 0;
    rig.pass(beats, () => {
      beat += 1;
      for (let at = 0; at < (beat === quietAt ? 1 : perBeat); at += 1)
        client.send('Broadcast', { topic: 't', payload: 1 });
    });
    return client;
  }

  test('of more than ten times the rate for ten seconds closes with 4103', () => {
    expect(flooded(RATE * 12, 10).link.closeReason).toBeNull();
    expect(flooded(RATE * 12, 12).link.closeReason).toBe('rate_limited');
  });

  test('of less than ten times the rate is answered with 429 and stays', () => {
    const client = flooded(RATE * 9, 60);
    expect(client.link.isClosed).toBe(false);
    const { type, data } = client.frames.at(-1) ?? { type: '', data: {} };
    expect([type, data['reason']]).toEqual(['Error', 'rate_limited']);
  });

  test('that pauses begins anew', () => {
    expect(flooded(RATE * 12, 18, 9).link.closeReason).toBeNull();
  });
});
