/** Too large, too many, too fast: docs/protocol.md, "Errors". */
import { describe, expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { startProcess } from './harness/process.ts';
import { startServer } from './harness/server.ts';
import { Witness } from './harness/witness.ts';

const TOPIC = 'chat.lobby';

describe('size', () => {
  const SMALL = { 'websocket.max_message_size': '2000' };

  test.each(['json', 'msgpack'] as const)(
    'up to four times the limit: 413, and the connection stays (%s)',
    async (format) => {
      const server = await startServer(SMALL);
      const witness = await Witness.on(server);
      const client = await connect(server.port, { format });
      for (const size of [2_001, 7_999, 8_000]) {
        client.sendRaw(format === 'json' ? 'x'.repeat(size) : new Uint8Array(size));
        const { data } = await client.next('Error');
        expect(data).toMatchObject({ code: 413, reason: 'payload_too_large', temporary: false });
        expect(data.message).toContain(String(size));
        await witness.expectUndisturbed();
      }
      const frame = JSON.stringify({ type: 'Ping', id: 'full', data: {} });
      client.sendRaw(frame.padEnd(2_000));
      expect((await client.replyTo('full')).type).toBe('Pong');
    },
  );

  test.each(['json', 'msgpack'] as const)(
    'a refusal answers the id that stands in front of what is too long (%s)',
    async (format) => {
      const server = await startServer(SMALL);
      const client = await connect(server.port, { format });
      const payload = 'x'.repeat(3_000);
      const answer = await client.ask('Broadcast', { topic: TOPIC, payload }, { id: 'b-1', trace: 't' });
      expect([answer.type, answer.data.reason]).toEqual(['Error', 'payload_too_large']);
      if (format === 'json') {
        client.sendRaw(
          JSON.stringify({ type: 'Broadcast', data: { topic: TOPIC, payload: `${payload},"id":"no"}` }, id: 'b-2' }),
        );
        expect((await client.replyTo('b-2')).data.reason).toBe('payload_too_large');
      }
      client.sendRaw(client.encode({ data: { id: 'no', payload }, id: 'b-3', type: 'Broadcast' }));
      expect((await client.next('Error')).reply_to).toBeUndefined();
    },
  );

  test('beyond that the socket is cut, and only that one', async () => {
    const server = await startServer(SMALL);
    const witness = await Witness.on(server);
    const client = await connect(server.port);
    client.sendRaw('x'.repeat(8_001));
    expect((await within(client.closed, 'the cut')).code).toBe(1006);
    await witness.expectUndisturbed();
    expect(server.connections).toBe(2);
    // The library sends no close frame: the books of the server have the code that it would have had.
    const closed = await server.samples('signalbox_connections_closed_total');
    expect(closed.map(({ code, value }) => [code, value])).toEqual([['1009', 1]]);
  });

  test('who was cut off, and why, is a line of the log; a client that goes on and on fills none', async () => {
    const server = await startProcess(['--set', 'websocket.max_message_size=2000']);
    for (let time = 0; time < 25; time += 1) {
      const client = await connect(server.port, { user: 'mallory' });
      client.sendRaw('x'.repeat(8_001));
      await within(client.closed, 'the cut');
    }
    await server.end();
    const lines = server.lines().filter(({ message }) => message.startsWith('Client cut off'));
    expect(lines[0]).toMatchObject({ level: 'WARN', user: 'mallory', code: 1009, reason: 'Received too big message' });
    expect(lines.length).toBeLessThan(25);
  });
});

describe('too much', () => {
  test('20 invalid frames within a minute close with 4010, and what is not the client’s fault counts nothing', async () => {
    const server = await startServer({ 'rate_limiting.enabled': 'false' });
    const client = await connect(server.port, { claims: { topics: { publish: [] } } });
    for (let at = 0; at < 40; at += 1)
      expect((await client.publish(TOPIC, 1)).data).toMatchObject({ code: 403, reason: 'not_allowed' });
    for (let at = 0; at < 20; at += 1) client.sendRaw('?');
    expect((await within(client.closed, 'the close')).code).toBe(4010);
    expect(client.frames.filter(({ data }) => data.reason === 'malformed')).toHaveLength(20);
  });

  test('above its rate a connection is told 429 with the time to wait, and nobody else is', async () => {
    const server = await startServer({ 'rate_limiting.connection_rps': '0.01', 'rate_limiting.connection_burst': '5' });
    const witness = await Witness.on(server);
    const client = await connect(server.port);
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.publish('chat.flood', 1)));
    const refused = replies.filter(({ type }) => type === 'Error');
    expect(refused).toHaveLength(15);
    for (const { data } of refused) {
      expect(data).toMatchObject({ code: 429, reason: 'rate_limited', temporary: true });
      expect(data.retry_after_ms).toBeGreaterThan(0);
      expect(data.retry_after_ms).toBeLessThanOrEqual(100_000);
    }
    expect(client.isClosed).toBe(false);
    const counted = (await server.samples('signalbox_rate_limited_total')).find(({ scope }) => scope === 'connection');
    expect(counted?.value).toBe(refused.length);
    await witness.expectUndisturbed();
  });

  test('who goes on above ten times its rate for ten seconds is closed with 4103', async () => {
    const server = await startServer({ 'rate_limiting.connection_rps': '1', 'rate_limiting.connection_burst': '1' });
    const client = await connect(server.port);
    // The seconds are counted here. One of the node's own in between begins the count anew.
    for (let second = 0; second < 60 && !client.isClosed; second += 1) {
      const replies = Array.from({ length: 20 }, () => client.publish('chat.flood', 1).catch(() => null));
      await Promise.all(replies);
      server.beat();
    }
    expect((await within(client.closed, 'the close')).code).toBe(4103);
    expect(await server.samples('signalbox_connections_closed_total')).toEqual([{ code: '4103', value: 1 }]);
  });

  test('a user’s connections share a rate', async () => {
    const server = await startServer({ 'rate_limiting.user_rps': '0.01', 'rate_limiting.user_burst': '6' });
    const [one, two] = [await connect(server.port), await connect(server.port)];
    const bob = await connect(server.port, { user: 'bob' });
    for (let at = 0; at < 3; at += 1)
      for (const client of [one, two]) expect((await client.publish(TOPIC, 1)).type).toBe('Ack');
    expect((await two.publish(TOPIC, 1)).data).toMatchObject({ code: 429, reason: 'rate_limited' });
    expect((await bob.publish(TOPIC, 1)).type).toBe('Ack');
  });
});
