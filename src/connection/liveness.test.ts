import { describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';

/** A sign of life that nobody answers. */
function sign(client: TestClient): void {
  client.send('Ack', { positions: {} });
}

describe('a silent client', () => {
  test('is closed with 4105 after the time-out, not before', () => {
    const rig = new TestRig({ limits: { clientTimeoutBeats: 10 } });
    const client = rig.connect();
    client.link.isCut = true;
    rig.pass(9);
    expect(client.link.closeReason).toBeNull();
    rig.pass(1);
    expect(client.link.closeReason).toBe('no_heartbeat');
  });

  test('any frame counts as a sign of life, also a bad one', () => {
    const rig = new TestRig({ limits: { clientTimeoutBeats: 10 } });
    const client = rig.connect();
    client.link.isCut = true;
    rig.pass(9);
    sign(client);
    rig.pass(9);
    client.sendRaw('not JSON');
    rig.pass(9);
    client.connection.oversized(new ArrayBuffer(100_000), false);
    rig.pass(9);
    expect(client.link.closeReason).toBeNull();
    rig.pass(1);
    expect(client.link.closeReason).toBe('no_heartbeat');
  });

  test('a pong to the ping of the server counts', () => {
    const rig = new TestRig({ limits: { clientTimeoutBeats: 10, heartbeatBeats: 4 } });
    const client = rig.connect();
    rig.pass(100);
    expect(client.link.closeReason).toBeNull();
    client.link.isCut = true;
    rig.pass(11);
    expect(client.link.closeReason).toBe('no_heartbeat');
  });

  test('one that does not even take the close frame is cut off a while later', () => {
    const rig = new TestRig({ limits: { clientTimeoutBeats: 10, closeTimeoutBeats: 3 } });
    const client = rig.connect();
    client.link.isCut = true;
    rig.pass(12);
    expect(rig.connections).toHaveLength(1);
    rig.pass(1);
    expect(rig.connections).toEqual([]);
    expect(client.link.isClosed).toBe(true);
    expect(rig.counters.closed.get('4105')).toBe(1);
  });

  test('gets Ping frames beside the pings of the protocol when it asked for them', () => {
    const rig = new TestRig({ limits: { heartbeatBeats: 5 } });
    const [asked, plain] = [rig.connect('ada', { framePings: true }), rig.connect('bob')];
    rig.pass(15);
    expect(flow(asked.take())).toEqual(['Ping', 'Ping', 'Ping']);
    expect(asked.frames[0]?.data['timestamp']).toBeTypeOf('number');
    expect(plain.take()).toEqual([]);
  });
});

describe('a client that does not read', () => {
  const limits = { stallTimeoutBeats: 8, clientTimeoutBeats: 1_000, heartbeatBeats: 1_000 };

  test('is closed with 4109 when no byte left for the time-out, although it sends', () => {
    const rig = new TestRig({ limits });
    const client = rig.connect();
    client.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC);
    rig.pass(7, () => sign(client));
    expect(client.link.closeReason).toBeNull();
    rig.pass(1);
    expect(client.link.closeReason).toBe('stalled');
  });

  test('publications do not make it stall sooner, nor later', () => {
    const rig = new TestRig({ limits });
    const client = rig.connect();
    client.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC);
    rig.pass(7, () => rig.publish(TOPIC, 5));
    expect(client.link.closeReason).toBeNull();
    rig.pass(1);
    expect(client.link.closeReason).toBe('stalled');
  });

  test('stays as long as a byte leaves now and then', () => {
    const rig = new TestRig({ limits });
    const client = rig.connect('ada');
    client.subscribe(TOPIC);
    client.stop();
    rig.publishAtOnce(TOPIC, 30);
    rig.pass(20, () => client.link.read(1));
    // The first of these beats still sees the last of those bytes leave.
    rig.pass(8);
    expect(client.link.closeReason).toBeNull();
    rig.pass(1);
    expect(client.link.closeReason).toBe('stalled');
  });

  test('does not stall while there is nothing to send', () => {
    const rig = new TestRig({ limits });
    const client = rig.connect();
    client.subscribe(TOPIC);
    client.stop();
    rig.pass(50);
    expect(client.link.closeReason).toBeNull();
    rig.publish(TOPIC);
    rig.pass(8);
    expect(client.link.closeReason).toBe('stalled');
  });

  test('is not pinged behind what it does not read', () => {
    const rig = new TestRig({ limits: { ...limits, stallTimeoutBeats: 1_000, heartbeatBeats: 1 } });
    const client = rig.connect('ada', { framePings: true });
    client.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC);
    rig.pass(20);
    client.link.read(Infinity);
    expect(flow(client.take())).toEqual(['chat.a 1']);
  });
});

describe('a token', () => {
  const LIFETIME_MS = 100_000;

  function withToken(limits: { readonly leewayMs?: number } = {}): { rig: TestRig; client: TestClient } {
    const rig = new TestRig({ limits });
    const issuedAt = rig.clock.now();
    const client = rig.connect('ada', { principal: { issuedAt, expiresAt: issuedAt + LIFETIME_MS } });
    return { rig, client };
  }

  test('is warned of once, at 80 % of its lifetime', () => {
    const { rig, client } = withToken();
    rig.pass(79);
    expect(client.take()).toEqual([]);
    rig.pass(1);
    expect(client.take().map(({ type, data }) => ({ type, data }))).toEqual([
      {
        type: 'AuthStatus',
        data: {
          status: 'token_expiring',
          expires_at: client.connection.principal.expiresAt,
          refresh_required: true,
        },
      },
    ]);
    rig.pass(19);
    expect(client.take()).toEqual([]);
  });

  test('that expired closes with 4300, after the leeway', () => {
    const { rig, client } = withToken({ leewayMs: 5_000 });
    rig.pass(104);
    expect(client.link.isClosed).toBe(false);
    rig.pass(1);
    expect(client.link.closeReason).toBe('token_expired');
    expect(rig.counters.closed.get('4300')).toBe(1);
  });

  test('that is renewed in time keeps the connection, and is warned of anew', () => {
    const { rig, client } = withToken();
    rig.pass(90);
    client.take();
    const issuedAt = rig.clock.now();
    const expiresAt = issuedAt + LIFETIME_MS;
    rig.tokens.set('renewed', rig.principal('ada', { issuedAt, expiresAt }));
    expect(client.askStatus('Authenticate', { token: 'renewed' })).toEqual({ expires_at: expiresAt, unsubscribed: [] });
    client.take();
    rig.pass(79);
    expect(client.take()).toEqual([]);
    rig.pass(1);
    expect(flow(client.take())).toEqual(['AuthStatus token_expiring']);
    rig.pass(20);
    expect(client.link.closeReason).toBe('token_expired');
  });

  test('that could not be renewed leaves the old one to its end', () => {
    const { rig, client } = withToken();
    rig.pass(90);
    client.take();
    client.ask('Authenticate', { token: 'nonsense' });
    expect(flow(client.take())).toEqual(['Error token_invalid']);
    rig.pass(9);
    expect(client.link.isClosed).toBe(false);
    rig.pass(1);
    expect(client.link.closeReason).toBe('token_expired');
  });

  test('without expiry is never warned of', () => {
    const rig = new TestRig();
    const client = rig.connect();
    rig.pass(10_000);
    expect(client.take()).toEqual([]);
    expect(client.link.isClosed).toBe(false);
  });
});
