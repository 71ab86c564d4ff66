/** Signs of life and the end of tokens, on a node whose seconds the tests count: docs/protocol.md, "Lanes and liveness". */
import { describe, expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const QUICK = { 'websocket.heartbeat_interval_secs': '1', 'websocket.client_timeout_secs': '5' };

describe('heartbeats', () => {
  test('?heartbeat=frame brings Ping frames beside the pings of the protocol, and only there', async () => {
    const server = await startServer(QUICK);
    const [asked, other] = [
      await connect(server.port, { query: { heartbeat: 'frame' } }),
      await connect(server.port, { user: 'bob' }),
    ];
    const before = Date.now();
    server.beat();
    const { data } = await asked.next('Ping');
    expect(data.timestamp).toBeGreaterThanOrEqual(before);
    expect(data.timestamp).toBeLessThanOrEqual(Date.now());
    await other.ask('Ping', {});
    expect(other.untaken('Ping')).toEqual([]);
  });

  test('Pong gives the client its time back beside the server’s', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    const before = Date.now();
    const { type, data } = await client.ask('Ping', { timestamp: 1_234 });
    expect(type).toBe('Pong');
    expect(data.timestamp).toBe(1_234);
    expect(data.server_time).toBeGreaterThanOrEqual(before);
  });

  test('who sends nothing, not even a pong, is closed with 4105, and who answers pings stays', async () => {
    const server = await startServer(QUICK);
    const silent = await connect(server.port, { autoPong: false });
    const alive = await connect(server.port, { user: 'bob' });
    for (let second = 0; second < 8 && !silent.isClosed; second += 1) {
      server.beat();
      // Its pong to the ping of this beat is on the way before the answer to this.
      await alive.ask('Ping', {});
    }
    expect((await within(silent.closed, 'the close')).code).toBe(4105);
    expect(alive.isClosed).toBe(false);
    expect(await server.samples('signalbox_connections_closed_total')).toEqual([{ code: '4105', value: 1 }]);
  });
});

describe('tokens that end', () => {
  test('a warning at 80 % of the lifetime, 4300 after expiry and leeway', async () => {
    const server = await startServer({ 'auth.leeway_secs': '60' });
    const now = Math.floor(Date.now() / 1_000);
    // 85 % of the lifetime are over.
    const warned = await connect(server.port, { claims: { iat: now - 850, exp: now + 150 } });
    const fresh = await connect(server.port, { user: 'bob' });
    server.beat();
    expect((await warned.next('AuthStatus')).data).toMatchObject({
      status: 'token_expiring',
      expires_at: (now + 150) * 1_000,
      refresh_required: true,
    });
    await fresh.ask('Ping', {});
    expect(fresh.untaken('AuthStatus')).toEqual([]);
  });

  test('past expiry and leeway the connection closes with 4300', async () => {
    const server = await startServer({ 'auth.leeway_secs': '0' });
    // A whole second at least: rounded down it could be a millisecond, and the handshake would be refused.
    const exp = Math.ceil(Date.now() / 1_000) + 1;
    const client = await connect(server.port, { claims: { exp } });
    // The node's own heartbeat notices it.
    expect((await within(client.closed, 'the close')).code).toBe(4300);
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000);
  });

  test('Authenticate swaps the claims: the new expiry counts, and what is no longer allowed is dropped and named', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    const other = await connect(server.port, { user: 'bob' });
    await client.subscribe('chat.lobby', 'news.today');
    const exp = Math.floor(Date.now() / 1_000) + 600;
    const token = await tokenOf('alice', { claims: { exp, topics: { subscribe: ['chat.**'] } } });
    const { data } = await client.ask('Authenticate', { token });
    expect(data).toMatchObject({
      status: 'authenticated',
      details: { expires_at: exp * 1_000, unsubscribed: ['news.today'] },
    });
    await other.publish('news.today', 'not for alice');
    await other.publish('chat.lobby', 'for alice');
    expect((await client.next('Broadcast')).data.payload).toBe('for alice');
    expect((await client.publish('chat.lobby', 1)).data).toMatchObject({ code: 403, reason: 'not_allowed' });
  });

  test('a failed Authenticate changes nothing and does not show the token', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    await client.subscribe('chat.lobby');
    const token = await tokenOf('alice', { secret: 'wrong' });
    const { type, data } = await client.ask('Authenticate', { token });
    expect(type).toBe('Error');
    expect(data).toMatchObject({ code: 401, reason: 'token_invalid' });
    expect(JSON.stringify(data)).not.toContain(token);
    await client.publish('chat.lobby', 'still here');
    expect((await client.next('Broadcast')).data.payload).toBe('still here');
  });
});
