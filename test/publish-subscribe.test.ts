/** Publishing and subscribing, for every way a client can speak: docs/protocol.md, "Frame", "Topics", `Broadcast`, `Subscribe`. */
import { describe, expect, test } from 'vitest';
import { connect, type Connection, type Format } from './harness/client.ts';
import type { Frame } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';
import type { Library } from './harness/wires.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
/** One of everything that JSON has. */
const PAYLOAD = {
  text: 'Grüße, 世界 😀 "quoted" \\ \n\u0001',
  numbers: [0, -1, 127, 128, 65_536, -2_147_483_649, 9_007_199_254_740_991, 0.1, 1e300, -1e-7],
  nested: { list: [[], {}, [null, true, false]], empty: '' },
};

const WAYS = (['ws', 'platform'] as const).flatMap((library: Library) =>
  (['json', 'msgpack'] as const).flatMap((format: Format) =>
    [false, true].map((batching) => ({ library, format, batching })),
  ),
);

describe.each(WAYS)('$library, $format, batching: $batching', (way) => {
  function join(server: TestServer, user: string): Promise<Connection> {
    return connect(server.port, { ...way, user });
  }

  test('what is published arrives once, in order, with the publisher’s id and the trace', async () => {
    const server = await startServer();
    const [alice, bob] = [await join(server, 'alice'), await join(server, 'bob')];
    const { positions, topics, active_subscriptions: active } = await bob.subscribe('chat.lobby');
    expect([topics, active, positions['chat.lobby']?.sequence]).toEqual([['chat.lobby'], 1, 0]);
    const epoch = positions['chat.lobby']?.epoch;
    // Not one after the other: how many share a turn is the server's business.
    const acks = await Promise.all(
      Array.from({ length: 40 }, (_, at) => alice.publish('chat.lobby', at, { id: `m-${at}`, trace: TRACE })),
    );
    const frames = await bob.take(40);
    for (const [at, { id, type, trace, timestamp, data }] of frames.entries()) {
      expect(type).toBe('Broadcast');
      expect(trace).toBe(TRACE);
      expect(timestamp).toBeTypeOf('number');
      expect(data).toEqual({
        topic: 'chat.lobby',
        sequence: at + 1,
        epoch,
        from: 'alice',
        client_id: `m-${at}`,
        payload: at,
      });
      expect(acks[at]).toEqual({
        type: 'Ack',
        reply_to: `m-${at}`,
        data: {
          message_id: `m-${at}`,
          status: 'delivered',
          topic: 'chat.lobby',
          recipients: 1,
          id,
          sequence: at + 1,
          epoch,
        },
      });
    }
    expect(new Set(frames.map(({ id }) => id)).size).toBe(40);
    await bob.ask('Ping', {});
    expect(bob.untaken('Broadcast')).toEqual([]);
  });

  test('payloads of every kind come back as they were sent, also to the other format', async () => {
    const server = await startServer();
    const other = way.format === 'json' ? 'msgpack' : 'json';
    const publisher = await join(server, 'alice');
    const same = await join(server, 'bob');
    const crossed = await connect(server.port, { ...way, format: other, user: 'carol' });
    for (const client of [same, crossed]) await client.subscribe('chat.lobby');
    const payloads = [PAYLOAD, [], {}, '', 0, -0.5, false, null, 'x'.repeat(40_000)];
    await publisher.publishAll('chat.lobby', payloads);
    for (const client of [same, crossed])
      expect((await client.take(payloads.length)).map(({ data }) => data.payload)).toEqual(payloads);
  });

  test('a publisher gets its own publication exactly if it is subscribed', async () => {
    const server = await startServer();
    const alice = await join(server, 'alice');
    expect((await alice.publish('chat.lobby', 1)).data.recipients).toBe(0);
    await alice.subscribe('chat.lobby');
    expect((await alice.publish('chat.lobby', 2, { id: 'mine' })).data.recipients).toBe(1);
    expect((await alice.next('Broadcast')).data).toMatchObject({ payload: 2, sequence: 2, client_id: 'mine' });
  });

  test('messages of one frame each for those who did not ask for batches, arrays for those who did', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { ...way, batching: true, user: 'alice' });
    const bob = await join(server, 'bob');
    await bob.subscribe('chat.lobby');
    const frames = Array.from({ length: 20 }, (_, at) => ({
      type: 'Broadcast',
      id: `b-${at}`,
      data: { topic: 'chat.lobby', payload: at },
    }));
    publisher.sendBatch(frames);
    for (const { id } of frames) expect((await publisher.replyTo(id)).type).toBe('Ack');
    const came = await bob.take(20);
    expect(came.map(({ data }) => data.payload)).toEqual(frames.map((_, at) => at));
    expect(bob.frames.length > bob.messages.length).toBe(way.batching);
  });

  test('patterns match segments, bring topics that appear later, and deliver once', async () => {
    const server = await startServer();
    const [alice, bob] = [await join(server, 'alice'), await join(server, 'bob')];
    await alice.publish('chat.old', 'before');
    const { positions } = await bob.subscribe('chat.*', 'deep.**', 'chat.lobby');
    expect(Object.keys(positions).sort()).toEqual(['chat.lobby', 'chat.old']);
    expect(positions['chat.old']?.sequence).toBe(1);
    for (const topic of ['chat.new', 'chat.too.deep', 'chat', 'deep', 'deep.a', 'deep.a.b.c', 'chat.lobby', 'chat.old'])
      await alice.publish(topic, topic);
    const came = await bob.take(5);
    expect(came.map(({ data }) => data.topic).sort()).toEqual([
      'chat.lobby',
      'chat.new',
      'chat.old',
      'deep.a',
      'deep.a.b.c',
    ]);
    expect(came.find(({ data }) => data.topic === 'chat.old')?.data.sequence).toBe(2);
    await bob.ask('Ping', {});
    expect(bob.untaken('Broadcast')).toEqual([]);
  });

  test('ephemeral topics have no place, no id and no past', async () => {
    const server = await startServer({ 'topics.rules': '[{"pattern":"typing.**","history":0}]' });
    const [alice, bob] = [await join(server, 'alice'), await join(server, 'bob')];
    await alice.publish('typing.lobby', 'before anybody listened');
    const { positions } = await bob.subscribe('typing.lobby');
    expect(positions).toEqual({});
    const ack = await alice.publish('typing.lobby', 'now', { id: 't-1' });
    expect(ack.data).toEqual({ message_id: 't-1', status: 'delivered', topic: 'typing.lobby', recipients: 1 });
    const frame = await bob.next('Broadcast');
    expect(frame.id).toBeUndefined();
    expect(frame.data).toEqual({ topic: 'typing.lobby', from: 'alice', client_id: 't-1', payload: 'now' });
    const again = await bob.subscribe({ topic: 'typing.lobby', epoch: 'any', sequence: 0 });
    expect(again.recovery).toEqual({ 'typing.lobby': { recovered: false, missed: 0, reason: 'no_history' } });
    expect((await bob.ask('History', { topic: 'typing.lobby', limit: 1 })).data).toMatchObject({ code: 422 });
  });

  test('direct messages reach every device of the user, and wait for those who are away', async () => {
    const server = await startServer();
    const alice = await join(server, 'alice');
    const queued = await alice.ask('DirectMessage', { target_user: 'bob', payload: 'while away' });
    expect(queued.data).toMatchObject({ status: 'queued', sequence: 1, recipients: 0 });
    const phone = await join(server, 'bob');
    const desk = await connect(server.port, { user: 'bob', format: 'json' });
    const { positions } = await phone.subscribe('@me');
    expect(positions['@me']?.sequence).toBe(1);
    await desk.subscribe({ topic: '@me', from: 'earliest' });
    expect((await desk.next('DirectMessage')).data).toMatchObject({ payload: 'while away', replayed: true });
    const delivered = await alice.ask('DirectMessage', { target_user: 'bob', payload: PAYLOAD });
    expect(delivered.data).toMatchObject({ status: 'delivered', sequence: 2, recipients: 2 });
    for (const device of [phone, desk]) {
      const { id, data } = await device.next('DirectMessage');
      expect(data).toMatchObject({ from_user: 'alice', payload: PAYLOAD, sequence: 2, epoch: positions['@me']?.epoch });
      expect(data.topic).toBeUndefined();
      expect(id).toBe(delivered.data.id);
    }
    expect(alice.untaken('DirectMessage')).toEqual([]);
  });

  test('after Unsubscribe nothing of the topic arrives, and the rest does', async () => {
    const server = await startServer();
    const [alice, bob] = [await join(server, 'alice'), await join(server, 'bob')];
    await bob.subscribe('chat.lobby', 'chat.other', 'news.**');
    const { data } = await bob.ask('Unsubscribe', { topics: ['chat.lobby', 'never.subscribed'] });
    expect(data).toMatchObject({
      status: 'unsubscribed',
      details: { topics: ['chat.lobby', 'never.subscribed'], active_subscriptions: 2 },
    });
    expect((await alice.publish('chat.lobby', 'unheard')).data.recipients).toBe(0);
    await alice.publish('chat.other', 'heard');
    expect((await bob.next('Broadcast')).data.payload).toBe('heard');
    await bob.ask('Unsubscribe', { topics: ['news.**'] });
    expect((await alice.publish('news.today', 'unheard')).data.recipients).toBe(0);
  });
});

describe('exactly the text that was sent', () => {
  // Whitespace, digits that no double holds, escapes, duplicate keys: none of it is the server's business.
  const TEXT =
    '{ "big" : 12345678901234567890.1230e+2 ,\n\t"exact":0.1000,"escaped":"\\u0041\\/", "twice":1,"twice" : 2 }';

  test.each([false, true])('to JSON clients, batching: %s', async (batching) => {
    const server = await startServer();
    const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob', batching })];
    await bob.subscribe('chat.lobby');
    alice.sendRaw(`{"data":{"payload": ${TEXT} , "topic":"chat.lobby"},"id":"x", "type":"Broadcast"}`);
    await alice.replyTo('x');
    await bob.next('Broadcast');
    expect(bob.messages.at(-1)).toContain(`"payload":${TEXT}}`);
  });

  test('also when it is replayed', async () => {
    const server = await startServer();
    const alice = await connect(server.port);
    alice.sendRaw(`{"type":"Broadcast","id":"x","data":{"topic":"chat.lobby","payload":${TEXT}}}`);
    await alice.replyTo('x');
    await alice.subscribe({ topic: 'chat.lobby', from: 'earliest' });
    expect((await alice.next('Broadcast')).data.replayed).toBe(true);
    expect(alice.messages.at(-1)).toContain(`"payload":${TEXT},"replayed":true}`);
  });
});

describe('between formats and users', () => {
  test('text frames are read as JSON and binary ones as MessagePack, whatever was negotiated', async () => {
    const server = await startServer();
    const [json, msgpack] = [await connect(server.port), await connect(server.port, { format: 'msgpack' })];
    json.sendRaw(msgpack.encode({ type: 'Ping', id: 'p', data: { timestamp: 7 } }));
    expect((await json.replyTo('p')).data.timestamp).toBe(7);
    expect(json.messages.at(-1)).toBeTypeOf('string');
    msgpack.sendRaw(String(json.encode({ type: 'Ping', id: 'p', data: { timestamp: 8 } })));
    expect((await msgpack.replyTo('p')).data.timestamp).toBe(8);
    expect(msgpack.messages.at(-1)).toBeInstanceOf(Uint8Array);
  });

  test('tenants never meet, though their topics have the same names', async () => {
    const server = await startServer();
    const [one, two] = [
      await connect(server.port, { claims: { tenant: 'one' } }),
      await connect(server.port, { claims: { tenant: 'two' } }),
    ];
    for (const client of [one, two]) await client.subscribe('chat.lobby', '@me', 'chat.**');
    expect((await one.publish('chat.lobby', 'for one')).data.recipients).toBe(1);
    expect((await one.ask('DirectMessage', { target_user: 'alice', payload: 'dm' })).data.recipients).toBe(1);
    await two.publish('chat.lobby', 'for two');
    expect((await two.next('Broadcast')).data).toMatchObject({ payload: 'for two', topic: 'chat.lobby' });
    await two.ask('Ping', {});
    expect([...two.untaken('Broadcast'), ...two.untaken('DirectMessage')]).toEqual([]);
  });

  test('rights narrow what a token may do, and a refusal in a Subscribe leaves the rest', async () => {
    const server = await startServer({
      'topics.rules': '[{"pattern":"staff.**","subscribe":["admin"],"publish":["admin"]}]',
    });
    const claims = { topics: { subscribe: ['chat.**', 'staff.**'], publish: ['chat.lobby'] } };
    const client = await connect(server.port, { claims });
    const { topics, rejected } = await client.subscribe(
      'chat.lobby',
      'staff.only',
      'news.today',
      '**',
      '@user.abc',
      'bad topic',
      'chat.**',
    );
    expect(topics).toEqual(['chat.lobby', 'chat.**']);
    expect(rejected.map(({ topic, code, reason }) => [topic, code, reason])).toEqual([
      ['staff.only', 403, 'not_allowed'],
      ['news.today', 403, 'not_allowed'],
      ['**', 422, 'pattern_not_supported'],
      ['@user.abc', 400, 'invalid_topic'],
      ['bad topic', 400, 'invalid_topic'],
    ]);
    expect((await client.publish('chat.lobby', 1)).type).toBe('Ack');
    // Whose no it was: the rule names other roles, the token names other topics.
    expect(rejected.slice(0, 3).map(({ details }) => details)).toEqual([
      { because: 'role' },
      { because: 'token' },
      undefined,
    ]);
    for (const [topic, because] of [
      ['chat.other', 'token'],
      ['staff.only', 'role'],
    ] as const) {
      const { data } = await client.publish(topic, 1);
      expect(data).toMatchObject({ code: 403, reason: 'not_allowed', details: { because } });
      // Neither the rule's pattern nor its roles are told.
      for (const word of ['staff.**', 'admin']) expect(JSON.stringify([data, rejected])).not.toContain(word);
    }
  });

  test('an idempotency key answers a repetition with the first outcome, and another payload with 409', async () => {
    const server = await startServer();
    const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
    await bob.subscribe('chat.lobby');
    const publish = (client: Connection, payload: unknown): Promise<Frame> =>
      client.ask('Broadcast', { topic: 'chat.lobby', payload, idempotency_key: 'k' });
    const [first, again] = [await publish(alice, 'once'), await publish(alice, 'once')];
    expect(first.data.status).toBe('delivered');
    expect(again.data).toMatchObject({ status: 'duplicate', id: first.data.id, sequence: 1 });
    expect((await publish(alice, 'other')).data).toMatchObject({ code: 409, reason: 'idempotency_conflict' });
    // The key is the user's own.
    expect((await publish(bob, 'other')).data).toMatchObject({ status: 'delivered', sequence: 2 });
    expect((await bob.take(2)).map(({ data }) => data.payload)).toEqual(['once', 'other']);
  });
});
