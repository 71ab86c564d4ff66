/** The clients that get in, and how they are greeted: docs/protocol.md, "Endpoint, authentication, negotiation". */
import { describe, expect, test } from 'vitest';
import { version } from '../src/cli/version.ts';
import { connect } from './harness/client.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

describe('the first frame', () => {
  test('says who the connection is, what the server allows and how it keeps time', async () => {
    const before = Date.now();
    const server = await startServer({
      'websocket.heartbeat_interval_secs': '7',
      'websocket.client_timeout_secs': '21',
      'websocket.max_subscriptions': '17',
      'rate_limiting.connection_rps': '12.5',
      'actor_system.mailbox_capacity': '34',
    });
    const client = await connect(server.port);
    expect(client.frames).toHaveLength(1);
    const { connected } = client;
    expect(connected.server_time).toBeGreaterThanOrEqual(before);
    expect(connected.server_time).toBeLessThanOrEqual(Date.now());
    expect(connected).toMatchObject({
      node: 'test-node',
      session_id: expect.stringMatching(/^s-[A-Za-z0-9_-]{22}-[a-z0-9]+$/),
      protocol_version: 1,
      mode: 'running',
      heartbeat_interval_ms: 7_000,
      client_timeout_ms: 21_000,
      max_message_size: 65_536,
      limits: { max_subscriptions: 17, connection_rps: 12.5, connection_burst: 200, user_rps: 500 },
      mailbox: { capacity: 34, bytes: 1_048_576, overflow_strategy: 'drop_oldest' },
    });
    expect(connected.features).toEqual(['patterns', 'history', 'idempotency', 'direct_messages']);
  });

  test('differs from connection to connection, and names batching where it was negotiated', async () => {
    const server = await startServer();
    const [one, two] = [await connect(server.port), await connect(server.port, { batching: true })];
    expect(one.connected.connection_id).not.toBe(two.connected.connection_id);
    expect(two.connected.features).toContain('batching');
  });

  test('the version that /info tells is that of the package', async () => {
    const server = await startServer();
    expect(await (await server.get('/info')).json()).toMatchObject({ version, protocol_version: 1, endpoint: '/ws' });
  });
});

describe('places of the token', () => {
  const QUERY_ONLY = { protocols: [] as string[], headers: {} };

  test('Authorization, a subprotocol entry, ?token=', async () => {
    const server = await startServer();
    const token = await tokenOf('alice');
    const inHeader = await connect(server.port, { ...QUERY_ONLY, headers: { authorization: `Bearer ${token}` } });
    const inQuery = await connect(server.port, { ...QUERY_ONLY, query: { token } });
    const inProtocol = await connect(server.port, { protocols: [`access_token.${token}`, 'signalbox.json'] });
    expect(await inHeader.opened).toBe('');
    expect(await inQuery.opened).toBe('');
    expect(await inProtocol.opened).toBe('signalbox.json');
  });

  test.each(['signalbox.json', 'signalbox.msgpack', 'signalbox.json+batch', 'signalbox.msgpack+batch'])(
    'beside the token only %s is echoed',
    async (format) => {
      const server = await startServer();
      const protocol = `access_token.${await tokenOf('alice')}, ${format}`;
      const answer = await handshake(server.port, { 'Sec-WebSocket-Protocol': protocol });
      expect(answer.status).toBe(101);
      expect(answer.headers['sec-websocket-protocol']).toBe(format);
      expect(JSON.stringify(answer.headers)).not.toContain('access_token');
    },
  );

  test('a token entry without a format beside it is refused', async () => {
    const server = await startServer();
    const protocol = `access_token.${await tokenOf('alice')}`;
    const answer = await handshake(server.port, { 'Sec-WebSocket-Protocol': protocol });
    expect(answer.status).toBe(400);
    expect(refusalIn(answer).reason).toBe('bad_handshake');
  });

  test('the order is Authorization, subprotocol, query: the first that is there counts', async () => {
    const server = await startServer();
    const [good, bad] = [await tokenOf('alice'), await tokenOf('alice', { secret: 'another secret' })];
    const path = (token: string): string => `/ws?token=${token}`;
    const protocol = (token: string): string => `signalbox.json, access_token.${token}`;
    const tried = async (headers: Record<string, string>, target: string): Promise<number> =>
      (await handshake(server.port, headers, target)).status;
    const bearer = (token: string): string => `Bearer ${token}`;
    expect(await tried({ Authorization: bearer(good), 'Sec-WebSocket-Protocol': protocol(bad) }, path(bad))).toBe(101);
    expect(await tried({ Authorization: bearer(bad), 'Sec-WebSocket-Protocol': protocol(good) }, path(good))).toBe(401);
    expect(await tried({ 'Sec-WebSocket-Protocol': protocol(good) }, path(bad))).toBe(101);
    expect(await tried({ 'Sec-WebSocket-Protocol': protocol(bad) }, path(good))).toBe(401);
  });

  test('with auth.query_token = false a token in the query is none, and the others still work', async () => {
    const server = await startServer({ 'auth.query_token': 'false' });
    const token = await tokenOf('alice');
    const answer = await handshake(server.port, {}, `/ws?token=${token}`);
    expect(answer.status).toBe(401);
    expect(refusalIn(answer)).toMatchObject({ code: 401, reason: 'token_missing' });
    expect(answer.text).not.toContain(token);
    await connect(server.port, { library: 'ws' });
    await connect(server.port, { library: 'platform' });
  });

  test('sub and user_id both name the user', async () => {
    const server = await startServer();
    const client = await connect(server.port, { user: 'x', claims: { sub: undefined, user_id: 'carol' } });
    await client.subscribe('chat.lobby');
    await client.publish('chat.lobby', 1);
    expect((await client.next('Broadcast')).data.from).toBe('carol');
  });
});

describe('formats', () => {
  test('?format= and ?batch=1 do without a subprotocol', async () => {
    const server = await startServer();
    const query = { format: 'msgpack', batch: '1', token: await tokenOf('alice') };
    const client = await connect(server.port, { protocols: [], headers: {}, format: 'msgpack', query });
    expect(client.messages[0]).toBeInstanceOf(Uint8Array);
    expect(client.connected.features).toContain('batching');
  });

  test.each([
    { headers: { 'Sec-WebSocket-Protocol': 'graphql-ws' }, path: '/ws' },
    { headers: {}, path: '/ws?format=xml' },
  ])('an unknown one is refused: %j', async ({ headers, path }) => {
    const server = await startServer();
    const authorization = `Bearer ${await tokenOf('alice')}`;
    const answer = await handshake(server.port, { Authorization: authorization, ...headers }, path);
    expect(answer.status).toBe(400);
    expect(refusalIn(answer).reason).toBe('bad_handshake');
    expect(server.connections).toBe(0);
  });
});
