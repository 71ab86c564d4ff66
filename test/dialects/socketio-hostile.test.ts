/** Engine.IO and Socket.IO by hand: what the official client would never send, and what the protocol says to it. */
import { WebSocket } from 'ws';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually, within } from '../harness/deadline.ts';
import { request } from '../harness/raw.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { connectSocketIo } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

const ON = { 'socketio.enabled': 'true' };
const POLL = '/socket.io/?EIO=4&transport=polling';
const SEPARATOR = '\u001e';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function call(server: TestServer, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await within(fetch(`${server.url}${path}`, init), path);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const post = (server: TestServer, sid: string, body: string): Promise<Answer> =>
  call(server, `${POLL}&sid=${sid}`, { method: 'POST', body });

async function open(server: TestServer): Promise<string> {
  const { text } = await call(server, POLL);
  return (JSON.parse(text.slice(1)) as { sid: string }).sid;
}

/** A session that is let into `/`. */
async function letIn(server: TestServer): Promise<string> {
  const sid = await open(server);
  await post(server, sid, `40${JSON.stringify({ token: await tokenOf('ada') })}`);
  expect((await call(server, `${POLL}&sid=${sid}`)).text).toMatch(/^40\{/);
  return sid;
}

class Wire {
  readonly heard: string[] = [];
  readonly closed: Promise<number>;
  readonly socket: WebSocket;

  constructor(server: TestServer, query: string) {
    this.socket = new WebSocket(`ws://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=websocket${query}`);
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer) => this.heard.push(data.toString()));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', resolve);
    });
    onTestFinished(() => this.socket.terminate());
  }

  async opened(): Promise<this> {
    await within(
      new Promise((resolve) => {
        this.socket.on('open', resolve);
      }),
      'the WebSocket to open',
    );
    return this;
  }

  async hears(pattern: RegExp): Promise<string> {
    await eventually(() => this.heard.some((text) => pattern.test(text)), String(pattern));
    return this.heard.find((text) => pattern.test(text)) ?? '';
  }
}

describe('the handshake', () => {
  test('says how to go on, in the words of Engine.IO 4', async () => {
    const server = await startServer(ON);
    const { status, text, headers } = await call(server, POLL);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/plain; charset=UTF-8');
    expect(text.startsWith('0')).toBe(true);
    expect(JSON.parse(text.slice(1))).toEqual({
      sid: expect.stringMatching(/^[\w-]{27}$/) as string,
      upgrades: ['websocket'],
      pingInterval: 25_000,
      pingTimeout: 35_000,
      maxPayload: 65_536,
    });
  });

  test.each([
    ['another version', '?EIO=3&transport=polling', 5, 'Unsupported protocol version'],
    ['no version', '?transport=polling', 5, 'Unsupported protocol version'],
    ['a transport that there is not', '?EIO=4&transport=flash', 0, 'Transport unknown'],
    ['no transport', '?EIO=4', 0, 'Transport unknown'],
    ['a WebSocket that is none', '?EIO=4&transport=websocket', 3, 'Bad request'],
    ['a session that there is not', '?EIO=4&transport=polling&sid=nobody', 1, 'Session ID unknown'],
    ['the name of a property as a session', '?EIO=4&transport=polling&sid=__proto__', 1, 'Session ID unknown'],
  ])('with %s is refused in the words of the protocol', async (_, query, code, message) => {
    const server = await startServer(ON);
    const { status, text } = await call(server, `/socket.io/${query}`);
    expect([status, JSON.parse(text)]).toEqual([400, { code, message }]);
  });

  test('with POST is refused; other methods are told which there are', async () => {
    const server = await startServer(ON);
    expect(JSON.parse((await call(server, POLL, { method: 'POST', body: '40' })).text)).toEqual({
      code: 2,
      message: 'Bad handshake method',
    });
    expect((await call(server, POLL, { method: 'DELETE' })).status).toBe(405);
  });

  test('a transport that the configuration leaves out is unknown, and offered to nobody', async () => {
    const server = await startServer({ ...ON, 'socketio.transports': '["polling"]' });
    expect((await call(server, POLL)).text).toContain('"upgrades":[]');
    const wire = new Wire(server, '');
    expect(await within(wire.closed, 'the refusal')).toBe(1006);
  });

  test('A-05: of a foreign page is refused, of an own one answered so that the page can read it', async () => {
    const server = await startServer({ ...ON, 'security.allowed_origins': '["https://app.example.com"]' });
    const from = (origin: string, method = 'GET'): Promise<Answer> =>
      call(server, POLL, { method, headers: { origin } });
    const own = await from('https://app.example.com');
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(own.headers.get('access-control-allow-credentials')).toBe('true');
    const foreign = await from('https://evil.example.com');
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    expect((await from('https://app.example.com', 'OPTIONS')).status).toBe(204);
    expect((await from('https://evil.example.com', 'OPTIONS')).status).toBe(403);
    const upgrade = await request(server.port, 'GET /socket.io/?EIO=4&transport=websocket', {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      Origin: 'https://evil.example.com',
    });
    expect(upgrade.status).toBe(403);
  });
});

test('strangers of one address leave room for others, and those who are let in make room', async () => {
  const server = await startServer({ ...ON, 'websocket.max_connections': '32' });
  const sids: string[] = [];
  // An eighth of all.
  for (let count = 0; count < 4; count += 1) sids.push(await open(server));
  const refused = await call(server, POLL);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
  await post(server, sids[0] ?? '', `40${JSON.stringify({ token: await tokenOf('ada') })}`);
  expect((await call(server, POLL)).status).toBe(200);
  expect((await call(server, POLL)).status).toBe(503);
  // And those who end.
  await post(server, sids[1] ?? '', '1');
  expect((await call(server, POLL)).status).toBe(200);
});

test('new sessions have a rate', async () => {
  const server = await startServer({ ...ON, 'websocket.accepts_per_second': '3' });
  const answers = await Promise.all(Array.from({ length: 6 }, () => call(server, POLL)));
  expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
});

describe('a session', () => {
  test('two polls at once end it: nobody could say which of them is read', async () => {
    const server = await startServer(ON);
    const sid = await letIn(server);
    await drainPolls(server, sid);
    const first = call(server, `${POLL}&sid=${sid}`);
    const second = await call(server, `${POLL}&sid=${sid}`);
    expect([second.status, JSON.parse(second.text)]).toEqual([400, { code: 3, message: 'Bad request' }]);
    expect((await first).text).toBe('1');
    expect((await call(server, `${POLL}&sid=${sid}`)).status).toBe(400);
    expect(server.connections).toBe(0);
  });

  test.each([
    ['an unknown packet', '9nonsense'],
    ['nothing', ''],
    ['more packets than anybody sends at once', Array(2_000).fill('2').join(SEPARATOR)],
    ['a packet of Socket.IO that is none', '4hello'],
    ['a CONNECT that is none', '40[1]'],
    ['a second CONNECT', '40{}'],
    ['bytes that nothing announced', 'bAAAA'],
    ['too many attachments', '4599-["x",{"_placeholder":true,"num":0}]'],
  ])('%s ends it, and the server goes on', async (_, body) => {
    const server = await startServer(ON);
    const sid = await letIn(server);
    const { status } = await post(server, sid, body);
    if (body.startsWith('4h')) await post(server, sid, Array(100).fill(body).join(SEPARATOR));
    expect([200, 400]).toContain(status);
    expect((await call(server, `${POLL}&sid=${sid}`)).status, 'the session is gone').toBe(400);
    expect(server.connections).toBe(0);
    await connectSocketIo(server.port, 'bob');
  });

  test('a body above maxPayload is refused before it is read', async () => {
    const server = await startServer(ON);
    const sid = await letIn(server);
    expect((await post(server, sid, `42["publish",${JSON.stringify('x'.repeat(70_000))}]`)).status).toBe(413);
  });

  test('malformed events are answered, and twenty of them end the connection as they would elsewhere', async () => {
    const server = await startServer(ON);
    const wire = await new Wire(server, '').opened();
    wire.socket.send(`40${JSON.stringify({ token: await tokenOf('ada') })}`);
    await wire.hears(/^40/);
    for (const text of ['42', '42{}', '42[]', '42[1]', '42["publish"', `42["publish",${'['.repeat(30_000)}]`, '43[1]'])
      wire.socket.send(text);
    await wire.hears(/^42\["error",.*"malformed"/);
    wire.socket.send('421e9["publish",{"topic":"chat.a","payload":1}]');
    for (let count = 0; count < 20; count += 1) wire.socket.send('42["nonsense"]');
    await wire.hears(/"too_many_errors"/);
    await wire.hears(/^41/);
    expect(server.connections).toBe(0);
  });

  test('an event with hundreds of levels is refused, and nothing recurses into it', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', { transports: ['websocket'] });
    let deep: unknown = 1;
    for (let level = 0; level < 500; level += 1) deep = [deep];
    expect(await client.ask('publish', { topic: 'chat.a', payload: deep })).toMatchObject({
      ok: false,
      error: { reason: 'invalid_field' },
    });
  });

  test('who asks for no namespace in time is closed, and who stops answering pings', async () => {
    const server = await startServer({
      ...ON,
      'socketio.connect_timeout_secs': '1',
      'websocket.heartbeat_interval_secs': '1',
      'websocket.client_timeout_secs': '2',
    });
    const stranger = await new Wire(server, '').opened();
    const silent = await new Wire(server, '').opened();
    silent.socket.send(`40${JSON.stringify({ token: await tokenOf('ada') })}`);
    await silent.hears(/^2$/);
    expect(await within(stranger.closed, 'the end of the stranger')).toBe(4107);
    expect(await within(silent.closed, 'the end of the silent one')).toBe(4105);
    expect(server.connections).toBe(0);
  });

  test('a user may be in few namespaces at once, and packets for others cost the session', async () => {
    const server = await startServer(ON);
    const wire = await new Wire(server, '').opened();
    for (let count = 0; count < 80; count += 1) wire.socket.send(`40/n${count},{}`);
    expect(await within(wire.closed, 'the end')).toBe(4000);
  });
});

/** Takes what waits. */
async function drainPolls(server: TestServer, sid: string): Promise<void> {
  await post(server, sid, '42["nobody"]');
  await call(server, `${POLL}&sid=${sid}`);
}

test('a client over a WebSocket has its address, as operators see it', async () => {
  const server = await startServer(ON);
  await connectSocketIo(server.port, 'ada', { transports: ['websocket'] });
  expect(server.running.node.connections.map(({ address }) => address)).toEqual(['127.0.0.1']);
});

describe('the upgrade', () => {
  test('one WebSocket probes at a time, and none for a session that has one', async () => {
    const server = await startServer(ON);
    const sid = await letIn(server);
    const first = await new Wire(server, `&sid=${sid}`).opened();
    const second = new Wire(server, `&sid=${sid}`);
    expect(await within(second.closed, 'the second probe')).toBe(1006);
    first.socket.send('2probe');
    await first.hears(/^3probe$/);
    first.socket.send('5');
    first.socket.send('42["publish",{"topic":"chat.a","payload":1,"id":"a"}]');
    first.socket.send('427["publish",{"topic":"chat.a","payload":2}]');
    expect(await first.hears(/^437/)).toContain('"sequence":2');
    expect((await call(server, `${POLL}&sid=${sid}`)).status).toBe(400);
    expect((await post(server, sid, '2')).status).toBe(400);
    const third = new Wire(server, `&sid=${sid}`);
    expect(await within(third.closed, 'the third')).toBe(1006);
    expect(server.connections).toBe(1);
  });

  test('a WebSocket that says something else is cut, and the session goes on polling', async () => {
    const server = await startServer(ON);
    const sid = await letIn(server);
    const wire = await new Wire(server, `&sid=${sid}`).opened();
    wire.socket.send('5');
    await within(wire.closed, 'the cut');
    await post(server, sid, '421["publish",{"topic":"chat.a","payload":1}]');
    expect((await call(server, `${POLL}&sid=${sid}`)).text).toMatch(/^431\[/);
  });

  test('what is published while a client comes over is heard once, in order', async () => {
    const server = await startServer({ ...ON, 'rate_limiting.enabled': 'false' });
    const publisher = await connectSocketIo(server.port, 'publisher', { transports: ['websocket'] });
    for (let round = 0; round < 5; round += 1) {
      const topic = `chat.r${round}`;
      const client = await connectSocketIo(server.port, 'ada', { transports: ['polling', 'websocket'] });
      await client.ask('subscribe', topic);
      for (let number = 1; number <= 40; number += 1) {
        publisher.socket.emit('publish', { topic, payload: number });
        if (number % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const heard = await client.messages(40);
      expect(heard.map(({ payload }) => payload)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
      await eventually(() => client.transport === 'websocket', 'the upgrade');
    }
  });
});
