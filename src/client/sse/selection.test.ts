/** Which transport is taken, on virtual time: WebSockets of the test server, and answers over HTTP that a test scripts. */
import { onTestFinished, expect, test } from 'vitest';
import { createClient, type Client } from '../client.ts';
import type { Environment, SocketPort } from '../environment.ts';
import { TestServer } from '../testing/index.ts';
import { overHttp, type HttpEvents, type HttpPort } from './index.ts';

class Web {
  /** What a stream does: greets, says nothing, or is answered by somebody else. */
  streams: 'serve' | 'silent' | 'foreign' | 'busy' = 'serve';
  isAway = false;
  /** Names of what was asked for, in order. */
  readonly seen: string[] = [];
  private readonly server: TestServer;

  constructor(server: TestServer) {
    this.server = server;
  }

  readonly post: HttpPort = (url, _, body, events) => {
    const name = url.split('/').at(-1) ?? '';
    this.seen.push(name);
    return this.server.environment.after(2, () => this.answer(name, body, events));
  };

  private answer(name: string, body: string, events: HttpEvents): void {
    if (this.isAway) return events.ended();
    if (name === 'sse') return this.stream(body, events);
    events.answered(200, 0);
    const data = { server_time: this.server.clock.now };
    const pongs = (): object[] =>
      (JSON.parse(body) as { readonly id: string }[]).map(({ id }) => ({ type: 'Pong', reply_to: id, data }));
    events.text(JSON.stringify(name === 'frames' ? pongs() : { ...NO_NEWS, positions: this.positions(body) }));
    events.ended();
  }

  private stream(body: string, events: HttpEvents): void {
    if (this.streams === 'silent') return;
    if (this.streams === 'busy') {
      events.answered(503, 1_000);
      events.text(JSON.stringify({ error: { code: 503, reason: 'over_capacity', message: 'full' } }));
      return events.ended();
    }
    events.answered(200, 0);
    if (this.streams === 'foreign') {
      events.text('<html>Please sign in to this network</html>');
      return events.ended();
    }
    const positions = this.positions(body);
    const details = { topics: Object.keys(positions), positions, recovery: {}, rejected: [] };
    const frames = [
      { type: 'Status', data: { status: 'connected', details: GREETING } },
      { type: 'Status', reply_to: 'subscribe', data: { status: 'subscribed', details } },
    ];
    for (const frame of frames) events.text(`event: status\ndata: ${JSON.stringify(frame)}\n\n`);
  }

  private positions(body: string): Record<string, object> {
    const { topics } = JSON.parse(body) as { topics: readonly (string | { topic: string })[] };
    const names = topics.map((entry) => (typeof entry === 'string' ? entry : entry.topic));
    return Object.fromEntries(names.map((topic) => [topic, { epoch: 'e', sequence: 0 }]));
  }
}

const NO_NEWS = { items: [], gaps: [], recovery: {}, rejected: [], unavailable: [] };
const GREETING = {
  connection_id: 'c',
  session_id: 'c',
  node: 'n',
  server_time: 0,
  mode: 'running',
  heartbeat_interval_ms: 1e9,
  max_message_size: 65_536,
  token_expires_at: null,
  limits: {},
  features: [],
};

interface Rig {
  readonly server: TestServer;
  readonly web: Web;
  readonly client: Client;
  readonly states: string[];
  readonly pass: (ms: number) => Promise<void>;
  /** How it is connected, else the state. */
  readonly how: () => string;
}

function rig(change: (environment: Environment) => Partial<Environment> = () => ({})): Rig {
  const server = new TestServer();
  const web = new Web(server);
  const environment = { ...server.environment, ...change(server.environment) };
  const client = createClient({ url: 'ws://test/ws', environment, fallback: overHttp({ http: web.post }) });
  const states: string[] = [];
  client.on('state', (state) => states.push(state.status === 'connected' ? state.transport : state.status));
  onTestFinished(() => client.close());
  client.topic('a').on({ message: () => {}, gap: () => {} });
  const how = (): string => (client.state.status === 'connected' ? client.state.transport : client.state.status);
  return { server, web, client, states, pass: (ms) => server.clock.advance(ms), how };
}

/** Opens, and nothing ever comes. */
const dead = (): SocketPort => ({
  binaryType: '',
  onopen: null,
  onmessage: null,
  onclose: null,
  onerror: null,
  send: () => {},
  close: () => {},
});

test('one WebSocket that fails is tried again; after two in a row the stream takes over at once', async () => {
  const { server, web, pass, how } = rig();
  server.away();
  await pass(100);
  expect([how(), web.seen]).toEqual(['waiting', []]);
  await pass(1_000);
  expect([how(), server.sockets.length]).toEqual(['sse', 2]);
});

test('after one failure a WebSocket that works is kept', async () => {
  const { server, web, pass, how } = rig();
  server.away();
  await pass(100);
  server.heal();
  await pass(1_000);
  expect([how(), web.seen]).toEqual(['websocket', []]);
});

test('a WebSocket that is silent for four seconds gives way, if HTTP is answered', async () => {
  const { web, pass, how } = rig(() => ({ open: dead }));
  await pass(3_900);
  expect([how(), web.seen]).toEqual(['connecting', []]);
  await pass(200);
  expect([how(), web.seen[0]]).toEqual(['sse', 'frames']);
});

test('a WebSocket that is silent where HTTP is silent too is no reason for anything', async () => {
  const { web, pass, how, states } = rig(() => ({ open: dead }));
  web.isAway = true;
  await pass(60_000);
  expect(['connecting', 'waiting']).toContain(how());
  expect(states).not.toContain('sse');
  expect(web.seen).not.toContain('sse');
});

test('a server that is away answers neither: when it is back, it is a WebSocket', async () => {
  const { server, web, pass, how, states } = rig();
  server.away();
  web.isAway = true;
  await pass(120_000);
  server.heal();
  web.isAway = false;
  await pass(60_000);
  expect([how(), states.includes('sse')]).toEqual(['websocket', false]);
});

test('a server that has no room refuses both: it is asked for a stream at every other attempt, and a WebSocket comes first when there is room', async () => {
  const { server, web, pass, states, how } = rig();
  server.away();
  web.streams = 'busy';
  await pass(120_000);
  const streams = web.seen.filter((name) => name === 'sse').length;
  expect([streams > 0, streams * 2 <= server.sockets.length]).toEqual([true, true]);
  // At the next attempt, whichever it is.
  for (let seen = web.seen.length; web.seen.length === seen;) await pass(100);
  server.heal();
  web.streams = 'serve';
  await pass(60_000);
  expect([how(), states.includes('sse')]).toEqual(['websocket', false]);
});

test('a refusal with a code of the server is no failure of the WebSocket', async () => {
  const { server, web, pass, how } = rig();
  server.refuse('over_capacity', 'over_capacity', 5);
  await pass(60_000);
  expect([how(), web.seen]).toEqual(['websocket', []]);
});

test.each(['silent', 'foreign'] as const)('where a stream is %s, polls take its place', async (streams) => {
  const { server, web, pass, how } = rig();
  server.away();
  web.streams = streams;
  await pass(8_000);
  expect(how()).toBe('poll');
});

test('what works is remembered for an hour, and a WebSocket is tried beside it after 1, 5 and 30 minutes', async () => {
  const { server, web, client, pass, how } = rig();
  server.away();
  await pass(1_000);
  const minutes: number[] = [];
  let known = server.sockets.length;
  for (let minute = 1; minute <= 70; minute += 1) {
    await pass(60_000);
    if (server.sockets.length > known) minutes.push(minute);
    known = server.sockets.length;
  }
  expect([minutes, how()]).toEqual([[1, 6, 36, 66], 'sse']);
  const before = web.seen.length;
  client.pause();
  client.resume();
  await pass(100);
  // The memo is of more than an hour ago.
  expect([server.sockets.length > known, web.seen.length > before]).toEqual([true, false]);
});

test('within the hour a connection begins with what works', async () => {
  const { server, client, pass, how } = rig();
  server.away();
  await pass(1_000);
  const known = server.sockets.length;
  client.pause();
  await pass(1_000_000);
  client.resume();
  await pass(100);
  expect([how(), server.sockets.length - known]).toEqual(['sse', 0]);
});

test('a WebSocket that works again takes over beside the stream: the client stays connected', async () => {
  const { server, pass, states, how } = rig();
  server.away();
  await pass(1_000);
  server.heal();
  states.length = 0;
  await pass(59_500);
  expect([how(), new Set(states)]).toEqual(['websocket', new Set(['websocket'])]);
});

test('it is tried at a wake-up too, but not at each of many', async () => {
  const { server, pass, how } = rig();
  server.away();
  await pass(1_000);
  const known = server.sockets.length;
  await pass(31_000);
  for (const event of ['visible', 'resume', 'pageshow', 'online'] as const) server.page(event);
  await pass(100);
  expect([how(), server.sockets.length - known]).toEqual(['sse', 1]);
});

test('a client that is closed leaves nothing behind', async () => {
  const { server, client, pass } = rig();
  server.away();
  await pass(2_000);
  await client.close();
  expect([server.timers, server.listening]).toEqual([0, 0]);
});
