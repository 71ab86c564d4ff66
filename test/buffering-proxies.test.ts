/** Clients without WebSocket behind proxies that hold bytes back, and in browsers with six connections to an origin. */
import { Agent, request } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Backend } from './harness/backend.ts';
import { startBufferingProxy } from './harness/buffering-proxy.ts';
import { eventually, within } from './harness/deadline.ts';
import { openStream } from './harness/event-stream.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';
import { poll } from './harness/ways.ts';

const TOPIC = 'chat.lobby';
const OPEN = { 'rate_limiting.enabled': 'false' };
const BLOCK = 4_096;

describe('a proxy that answers in HTTP/1.0', () => {
  test('and holds the first 2 KiB back: a padded stream begins at once, another when so much has come', async () => {
    const server = await startServer(OPEN);
    const port = await startBufferingProxy(server.port, { first: 2_048 });
    const padded = await openStream(port, { body: { topics: [TOPIC], pad: true } });
    await padded.subscribed();
    const bare = await openStream(port, { body: { topics: [TOPIC] } });
    const backend = await Backend.on(server);
    await backend.publish(TOPIC, 'short');
    expect((await padded.next('Broadcast')).data.payload).toBe('short');
    await backend.publish(TOPIC, 'x'.repeat(2_048));
    expect((await bare.take(2)).map(({ data }) => String(data.payload).length)).toEqual([5, 2_048]);
  });

  test('and passes blocks of 4 KiB on: everything comes, late, and in order, and the last id is good', async () => {
    const server = await startServer(OPEN);
    const port = await startBufferingProxy(server.port, { block: BLOCK });
    const stream = await openStream(port, { query: { topics: TOPIC } });
    await eventually(() => server.connections === 1, 'the stream to be open');
    const backend = await Backend.on(server);
    const payloads = Array.from({ length: 40 }, (_, at) => `${at} ö€😀 ${'x'.repeat(200)}`);
    for (const payload of payloads) await backend.publish(TOPIC, payload);
    await eventually(() => stream.frames.length > 1, 'the first blocks');
    const early = stream.frames.filter(({ type }) => type === 'Broadcast').length;
    expect(early).toBeLessThan(payloads.length);
    // The rest is in the proxy until the stream ends. A client that gives up before goes on at what it has.
    const lastId = stream.lastId;
    await stream.drop();
    const again = await openStream(server.port, { query: { topics: TOPIC }, headers: { 'last-event-id': lastId } });
    const rest = await again.take(payloads.length - early);
    const all = [...stream.frames.filter(({ type }) => type === 'Broadcast'), ...rest];
    expect(all.map(({ data }) => data.payload)).toEqual(payloads);
  });

  test('and passes nothing on before the end: a stream that ends has everything, and polls are as quick as ever', async () => {
    const server = await startServer(OPEN);
    const port = await startBufferingProxy(server.port, { first: Infinity });
    const stream = await openStream(port, { query: { topics: TOPIC } });
    await eventually(() => server.connections === 1, 'the stream to be open');
    const { positions } = await poll(port, 'alice', { topics: [TOPIC], wait_ms: 0 });
    const waiting = poll(port, 'alice', { topics: [{ topic: TOPIC, ...positions[TOPIC] }] });
    await (await Backend.on(server)).publish(TOPIC, 'ö€😀');
    expect((await waiting).items.map(({ data }) => data.payload)).toEqual(['ö€😀']);
    expect(stream.frames).toEqual([]);
    await server.stop();
    expect((await stream.next('Broadcast')).data.payload).toBe('ö€😀');
    expect((await stream.next('Error')).data.code).toBe(4101);
    expect(stream.lastId).toBe(`${positions[TOPIC]?.epoch}:1`);
  });
});

test('a proxy that asks in HTTP/1.0 is told that it must not', async () => {
  const server = await startServer();
  const { Socket } = await import('node:net');
  const socket = new Socket().setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  const answer = new Promise<string>((resolve) => socket.once('data', (text) => resolve(String(text))));
  socket.connect(server.port, '127.0.0.1', () => socket.write('GET /poll HTTP/1.0\r\nHost: a\r\n\r\n'));
  expect(await within(answer, 'the refusal')).toMatch(/^HTTP\/1\.1 505 /);
});

test('six tabs with a stream each take all connections of a browser: the next request waits until one of them closes', async () => {
  const server = await startServer(OPEN);
  const agent = new Agent({ keepAlive: true, maxSockets: 6 });
  onTestFinished(() => agent.destroy());
  const tabs = await Promise.all(
    Array.from({ length: 6 }, () => openStream(server.port, { agent, query: { topics: TOPIC } })),
  );
  for (const tab of tabs) await tab.subscribed();
  const token = await tokenOf('alice');
  let isAnswered = false;
  const answered = new Promise<string>((resolve, reject) => {
    const frames = [{ type: 'Broadcast', id: '1', data: { topic: TOPIC, payload: 'up', idempotency_key: 'k' } }];
    const headers = { authorization: `Bearer ${token}` };
    const asked = request({ host: '127.0.0.1', port: server.port, agent, path: '/frames', method: 'POST', headers });
    asked.on('error', reject).on('response', (response) => {
      isAnswered = true;
      response.setEncoding('utf8').on('data', resolve);
    });
    asked.end(JSON.stringify(frames));
  });
  await (await Backend.on(server)).publish(TOPIC, 'to all');
  for (const tab of tabs) expect((await tab.next('Broadcast')).data.payload).toBe('to all');
  expect([isAnswered, server.connections]).toEqual([false, 6]);
  await tabs[0]?.drop();
  expect(await within(answered, 'the answer')).toContain('"Ack"');
  for (const tab of tabs.slice(1)) expect((await tab.next('Broadcast')).data.payload).toBe('up');
});
