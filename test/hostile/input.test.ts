/** Whatever a client sends, the process lives, the others notice nothing, and the client is told what was wrong. */
import { array, assert, asyncProperty, constantFrom, jsonValue, oneof, record, string, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connect, type Connection, type ConnectOptions } from '../harness/client.ts';
import { isTerminal } from '../harness/frames.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { Witness } from '../harness/witness.ts';

const UNLIMITED = { 'rate_limiting.enabled': 'false' };
/** The same inputs every time. */
const RUNS = { seed: 20_251_122, numRuns: 150 };

/** A client that comes back when it has been thrown out for too many errors. */
class Attacker {
  thrownOut = 0;
  private client: Connection | null = null;
  private readonly open: () => Promise<Connection>;

  constructor(open: () => Promise<Connection>) {
    this.open = open;
  }

  /** Sends, and waits until the server has dealt with it: it answers the Ping behind it, or has closed. */
  async send(message: string | Uint8Array): Promise<void> {
    if (this.client === null || this.client.isClosed) this.client = await this.open();
    const client = this.client;
    client.sendRaw(message);
    const pong = client.ask('Ping', {}).then(({ type }) => type);
    const outcome = await Promise.race([pong.catch(() => 'closed'), client.closed.then(({ code }) => code)]);
    if (outcome === 'Pong') return;
    expect((await client.closed).code).toBe(4010);
    this.thrownOut += 1;
  }
}

async function expectNoFailure(server: TestServer): Promise<void> {
  for (const name of ['actor_restarts_total', 'actors_stopped_total', 'dead_letters_total', 'delivery_unaccounted'])
    expect([name, await server.metric(`signalbox_${name}`)]).toEqual([name, 0]);
}

const WAYS: readonly ConnectOptions[] = [{ format: 'json' }, { format: 'msgpack', batching: true }];

describe.each(WAYS)('random input ($format)', (way) => {
  test('bytes of any kind, as text and as binary', async () => {
    const server = await startServer({ ...UNLIMITED, 'websocket.accepts_per_second': '100000' });
    const witness = await Witness.on(server);
    const attacker = new Attacker(() => connect(server.port, { ...way, user: 'mallory' }));
    const bytes = oneof(uint8Array({ maxLength: 200 }), string({ unit: 'binary', maxLength: 200 }));
    await assert(
      asyncProperty(bytes, async (message) => {
        await attacker.send(message);
        await witness.expectUndisturbed();
      }),
      RUNS,
    );
    expect(attacker.thrownOut).toBeGreaterThan(0);
    await expectNoFailure(server);
  });

  test('values of any shape, where frames belong: each with an id is answered exactly once', async () => {
    const server = await startServer({ ...UNLIMITED, 'websocket.accepts_per_second': '100000' });
    const witness = await Witness.on(server);
    const types = ['Ping', 'Subscribe', 'Unsubscribe', 'Broadcast', 'DirectMessage', 'GetMissedMessages', 'History'];
    const field = oneof(jsonValue(), constantFrom('a.b', '@me', 'a.**', '', 0, -1, 1e308, null, [], [[]], {}));
    const keys = ['topic', 'topics', 'payload', 'target_user', 'since', 'limit', 'token', 'positions', 'timestamp'];
    const data = record(Object.fromEntries(keys.map((key) => [key, field])), { requiredKeys: [] });
    const frame = record({
      type: constantFrom(...types, 'Authenticate', 'X-Any', 'Nonsense', 'constructor', '__proto__'),
      data: oneof({ weight: 4, arbitrary: data }, { weight: 1, arbitrary: field }),
    });
    let client = await connect(server.port, { ...way, user: 'mallory' });
    await assert(
      asyncProperty(array(frame, { minLength: 1, maxLength: 3 }), async (frames) => {
        if (client.isClosed) client = await connect(server.port, { ...way, user: 'mallory' });
        const ids = frames.map(() => client.nextId());
        for (const [at, { type, data: content }] of frames.entries()) client.send(type, content, { id: ids[at] ?? '' });
        const pong = client.ask('Ping', {}).then(() => true);
        const survived = await Promise.race([pong.catch(() => false), client.closed.then(() => false)]);
        const answers = (id: string): number =>
          client.frames.filter((reply) => isTerminal(reply) && reply.reply_to === id).length;
        if (survived) expect(ids.map(answers)).toEqual(ids.map(() => 1));
        else expect((await client.closed).code).toBe(4010);
        await witness.expectUndisturbed();
      }),
      RUNS,
    );
    await expectNoFailure(server);
  });
});

describe('what is wrong is named', () => {
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const publish = (payload: string): string =>
    `{"type":"Broadcast","id":"x","data":{"topic":"a","payload":${payload}}}`;

  test.each([
    { name: 'no JSON', text: '{"type":"Ping"', reason: 'malformed' },
    { name: 'nothing', text: '', reason: 'malformed' },
    { name: 'no object', text: '"Ping"', reason: 'malformed' },
    { name: 'a batch that was not negotiated', text: '[{"type":"Ping"}]', reason: 'malformed' },
    { name: 'nesting without end', text: deep(30_000), reason: 'malformed' },
    { name: 'a payload nested too deeply', text: publish(deep(40)), reason: 'invalid_field', id: 'x' },
    { name: 'a payload nested far too deeply', text: publish(deep(30_000)), reason: 'invalid_field', id: 'x' },
    { name: 'a number that is none', text: publish('1e999'), reason: 'invalid_field', id: 'x' },
    { name: '__proto__ in a payload', text: publish('{"__proto__":1}'), reason: 'invalid_field', id: 'x' },
    {
      name: 'no payload',
      text: '{"type":"Broadcast","id":"x","data":{"topic":"a"}}',
      reason: 'invalid_field',
      id: 'x',
    },
    { name: 'an unknown type', text: '{"type":"subscribe","id":"x"}', reason: 'unknown_type', id: 'x' },
    { name: 'no type', text: '{"id":"x"}', reason: 'invalid_field', id: 'x' },
    { name: 'an id that is no text', text: '{"type":"Ping","id":7}', reason: 'invalid_field' },
    { name: 'an id that is too long', text: `{"type":"Ping","id":"${'x'.repeat(65)}"}`, reason: 'invalid_field' },
    { name: 'data that is a list', text: '{"type":"Ping","id":"x","data":[]}', reason: 'invalid_field', id: 'x' },
    { name: 'topics that are none', text: '{"type":"Subscribe","id":"x","data":{}}', reason: 'invalid_field', id: 'x' },
    {
      name: 'a topic that is none',
      text: publish('1').replace('"a"', '"bad topic"'),
      reason: 'invalid_topic',
      id: 'x',
    },
    {
      name: 'a reserved topic',
      text: publish('1').replace('"a"', '"@user.abc"'),
      reason: 'invalid_topic',
      id: 'x',
    },
  ])('JSON: $name is $reason', async ({ text, reason, id }) => {
    const server = await startServer();
    const client = await connect(server.port);
    client.sendRaw(text);
    const { data, reply_to: replyTo } = await client.next('Error');
    expect(data).toMatchObject({ code: 400, reason, temporary: false });
    expect(data.message).toMatch(/expected|is not allowed/);
    expect(replyTo).toBe(id);
    expect((await client.ask('Ping', {})).type).toBe('Pong');
  });

  /** `{type: "Broadcast", data: {topic: "a", payload: …}}` by hand. */
  const packed = (...payload: number[]): Uint8Array =>
    Buffer.concat([
      Buffer.from('\x82\xa4type\xa9Broadcast\xa4data\x82\xa5topic\xa1a\xa7payload', 'latin1'),
      Uint8Array.from(payload),
    ]);

  test.each([
    { name: 'bin', bytes: packed(0xc4, 1, 0), reason: 'invalid_field' },
    { name: 'an extension type', bytes: packed(0xd4, 1, 0), reason: 'invalid_field' },
    { name: 'a date', bytes: packed(0xd6, 0xff, 0, 0, 0, 0), reason: 'invalid_field' },
    { name: 'NaN', bytes: packed(0xca, 0x7f, 0xc0, 0, 0), reason: 'invalid_field' },
    { name: 'Infinity', bytes: packed(0xca, 0x7f, 0x80, 0, 0), reason: 'invalid_field' },
    { name: 'an integer beyond 2^53', bytes: packed(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0), reason: 'invalid_field' },
    { name: 'a key that is no text', bytes: packed(0x81, 1, 1), reason: 'invalid_field' },
    { name: 'the key __proto__', bytes: packed(0x81, 0xa9, ...Buffer.from('__proto__'), 1), reason: 'invalid_field' },
    { name: 'text that is not UTF-8', bytes: packed(0xa1, 0xff), reason: 'invalid_field' },
    {
      name: 'nesting without end',
      bytes: packed(...Array.from({ length: 9_000 }, () => 0x91)),
      reason: 'invalid_field',
    },
    { name: 'a list that claims 4 billion items', bytes: packed(0xdd, 255, 255, 255, 255), reason: 'malformed' },
    { name: 'a frame that ends too early', bytes: packed(), reason: 'malformed' },
    { name: 'bytes after the frame', bytes: packed(1, 1), reason: 'malformed' },
    { name: 'no map', bytes: Uint8Array.of(1), reason: 'malformed' },
    { name: 'nothing', bytes: new Uint8Array(), reason: 'malformed' },
  ])('MessagePack: $name is $reason', async ({ bytes, reason }) => {
    const server = await startServer();
    const client = await connect(server.port, { format: 'msgpack' });
    client.sendRaw(bytes);
    expect((await client.next('Error')).data).toMatchObject({ code: 400, reason });
    expect((await client.ask('Ping', {})).type).toBe('Pong');
    expect(await server.metric('signalbox_published_total')).toBe(0);
  });

  test('in a batch every frame is judged alone; nested and too long batches are malformed', async () => {
    const server = await startServer();
    const client = await connect(server.port, { batching: true });
    client.sendBatch([{ type: 'Ping', id: 'a' }, { type: 'Nonsense', id: 'b' }, [], { type: 'Ping', id: 'c' }]);
    expect((await client.replyTo('a')).type).toBe('Pong');
    expect((await client.replyTo('b')).data.reason).toBe('unknown_type');
    expect((await client.next('Error')).data.reason).toBe('malformed');
    expect((await client.replyTo('c')).type).toBe('Pong');
    for (const batch of [[], Array.from({ length: 101 }, () => ({ type: 'Ping' }))]) {
      client.sendBatch(batch);
      expect((await client.next('Error')).data.reason).toBe('malformed');
    }
    expect(client.untaken('Pong')).toEqual([]);
  });
});
