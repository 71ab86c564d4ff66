/** What those are told who do not get in: docs/protocol.md, "Endpoint, authentication, negotiation", "Close codes". */
import { describe, expect, test } from 'vitest';
import { connect, dial, type Client, type ConnectOptions } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { startProcess } from './harness/process.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const ORIGIN = 'https://app.example.com';

describe('refusals as HTTP', () => {
  test.each([
    { change: { Upgrade: undefined }, status: 426, reason: 'upgrade_required' },
    { change: { Upgrade: 'h2c' }, status: 426, reason: 'upgrade_required' },
    { change: { 'Sec-WebSocket-Version': '8' }, status: 426, reason: 'upgrade_required' },
    { change: { 'Sec-WebSocket-Version': undefined }, status: 426, reason: 'upgrade_required' },
    { change: { Connection: undefined }, status: 400, reason: 'bad_handshake' },
    { change: { Connection: 'keep-alive' }, status: 400, reason: 'bad_handshake' },
    { change: { 'Content-Length': '5' }, status: 400, reason: 'bad_handshake' },
    { change: { 'Transfer-Encoding': 'chunked' }, status: 400, reason: 'bad_handshake' },
    { change: { 'Sec-WebSocket-Key': '========================' }, status: 400, reason: 'bad_handshake' },
    { change: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAAA' }, status: 400, reason: 'bad_handshake' },
  ])('a handshake that is none: $change is $status', async ({ change, status, reason }) => {
    const server = await startServer();
    const token = await tokenOf('alice');
    const answer = await handshake(server.port, { Authorization: `Bearer ${token}`, ...change });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(refusalIn(answer)).toMatchObject({ code: status, reason });
    if (status === 426) expect(answer.headers['sec-websocket-version']).toBe('13');
    expect(server.connections).toBe(0);
  });

  test.each([
    { name: 'none', token: '', reason: 'token_missing' },
    { name: 'expired', expiresIn: -61, reason: 'token_expired' },
    { name: 'of another secret', secret: 'not the secret of the server', reason: 'token_invalid' },
    { name: 'not a token', token: 'abc.def', reason: 'token_invalid' },
    { name: 'without expiry', claims: { exp: undefined }, reason: 'token_invalid' },
    { name: 'without a user', claims: { sub: undefined }, reason: 'token_invalid' },
    { name: 'not valid yet', claims: { nbf: Date.now() / 1_000 + 600 }, reason: 'token_invalid' },
  ])('a token that is $name: 401 $reason', async ({ token: given, reason, ...options }) => {
    const server = await startServer();
    const token = given ?? (await tokenOf('alice', options));
    const answer = await handshake(server.port, token === '' ? {} : { Authorization: `Bearer ${token}` });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(refusalIn(answer)).toMatchObject({ code: 401, reason });
    expect(server.connections).toBe(0);
    expect(await server.samples('signalbox_connections_refused_total')).toEqual([{ reason, value: 1 }]);
  });

  test('clocks may differ by the leeway of 60 s', async () => {
    const server = await startServer();
    await connect(server.port, { expiresIn: -40 });
  });

  test('403 for an Origin that is not allowed, beyond the accept rate and while nobody is admitted', async () => {
    const server = await startServer({ 'security.allowed_origins': ORIGIN, 'websocket.accepts_per_second': '1' });
    const Authorization = `Bearer ${await tokenOf('alice')}`;
    const from = (origin: string): ReturnType<typeof handshake> =>
      handshake(server.port, { Authorization, Origin: origin }, '/ws?refuse=close');
    expect((await from('https://evil.example')).status).toBe(101);
    // The one answer inside WebSocket of this second was spent on it; what honest handshakes need was not.
    expect((await from('https://evil.example')).status).toBe(403);
    expect((await handshake(server.port, { Authorization })).status).toBe(101);
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    const answer = await from('https://evil.example');
    expect(answer.status).toBe(403);
    expect(refusalIn(answer)).toMatchObject({ code: 403, reason: 'origin_not_allowed' });
  });

  test('an allowed Origin gets in', async () => {
    const server = await startServer({ 'security.allowed_origins': `${ORIGIN},https://*.trusted.example` });
    const Authorization = `Bearer ${await tokenOf('alice')}`;
    for (const origin of [ORIGIN, 'https://a.b.trusted.example'])
      expect((await handshake(server.port, { Authorization, Origin: origin })).status).toBe(101);
  });

  test('429 for a user with too many connections; others get in, and so does the user once one is gone', async () => {
    const server = await startServer({ 'websocket.max_connections_per_user': '1' });
    const first = await connect(server.port);
    const tried = async (user: string): Promise<Awaited<ReturnType<typeof handshake>>> =>
      handshake(server.port, { Authorization: `Bearer ${await tokenOf(user)}` });
    const answer = await tried('alice');
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(refusalIn(answer)).toMatchObject({ code: 429, reason: 'connection_limit' });
    expect((await tried('bob')).status).toBe(101);
    await first.close();
    await connect(server.port);
  });

  test('503 with Retry-After for a node that is full', async () => {
    const server = await startServer({ 'websocket.max_connections': '1' });
    await connect(server.port);
    // Before the token is looked at: a crowd must not cost signatures.
    const answer = await handshake(server.port);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(refusalIn(answer)).toMatchObject({ code: 503, reason: 'over_capacity' });
  });

  test('503 with Retry-After above the accept rate', async () => {
    const server = await startServer({ 'websocket.accepts_per_second': '2' });
    const Authorization = `Bearer ${await tokenOf('alice')}`;
    const answers = await Promise.all(Array.from({ length: 6 }, () => handshake(server.port, { Authorization })));
    const refused = answers.filter(({ status }) => status === 503);
    expect(answers.filter(({ status }) => status === 101).length).toBeGreaterThanOrEqual(2);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(refusalIn(answer).reason).toBe('over_capacity');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
  });

  test('an address with too many failed tokens waits, and good tokens that are known do not', async () => {
    const server = await startServer({ 'auth.failures_per_minute': '3' });
    await connect(server.port);
    const bad = { Authorization: `Bearer ${await tokenOf('alice', { secret: 'wrong' })}` };
    const reasons: string[] = [];
    for (let at = 0; at < 4; at += 1) reasons.push(refusalIn(await handshake(server.port, bad)).reason);
    expect(reasons).toEqual(['token_invalid', 'token_invalid', 'token_invalid', 'rate_limited']);
  });

  test('a token may have 8 KiB and a request head 16 KiB, as the launcher sets it', async () => {
    const server = await startProcess();
    const padded = (length: number): Promise<string> => tokenOf('alice', { claims: { padding: 'x'.repeat(length) } });
    const tried = async (token: string, padding: string): ReturnType<typeof handshake> =>
      handshake(server.port, { Authorization: `Bearer ${token}`, Padding: padding });
    const [allowed, tooLong] = [await padded(5_900), await padded(6_100)];
    expect([allowed.length < 8_192, tooLong.length > 8_192]).toEqual([true, true]);
    expect((await tried(allowed, 'x'.repeat(7_000))).status).toBe(101);
    expect(refusalIn(await tried(tooLong, '')).reason).toBe('token_invalid');
    expect((await tried(allowed, 'x'.repeat(9_000))).status).toBe(431);
  });
});

describe('refusals as close frames', () => {
  interface Told {
    readonly reason: string;
    readonly code: number;
    readonly close: number;
  }

  async function expectTold(client: Client, { reason, code, close }: Told): Promise<void> {
    expect((await client.next('Error')).data).toMatchObject({ code, reason });
    expect((await within(client.closed, 'the close')).code).toBe(close);
    expect(client.frames).toHaveLength(1);
  }

  const WAYS: readonly { way: string; options: ConnectOptions }[] = [
    { way: '?refuse=close', options: { query: { refuse: 'close' } } },
    { way: 'an allowed Origin', options: { headers: { origin: ORIGIN } } },
  ];
  const settings = { 'security.allowed_origins': ORIGIN };

  describe.each(WAYS)('with $way', ({ options }) => {
    test.each([
      { expiresIn: -61, reason: 'token_expired', code: 401, close: 4300 },
      { secret: 'not the secret', reason: 'token_invalid', code: 401, close: 4301 },
      { token: null, reason: 'token_missing', code: 401, close: 4301 },
    ])('$reason is told and closed with $close', async ({ reason, code, close, ...given }) => {
      const server = await startServer(settings);
      await expectTold(await dial(server.port, { ...options, ...given }), { reason, code, close });
      expect(server.connections).toBe(0);
    });

    test('connection_limit is told and closed with 4100', async () => {
      const server = await startServer({ ...settings, 'websocket.max_connections_per_user': '1' });
      await connect(server.port);
      await expectTold(await dial(server.port, options), { reason: 'connection_limit', code: 429, close: 4100 });
    });

    test('what another node may take is an HTTP answer here too, or no proxy would ask that node', async () => {
      const server = await startServer({ ...settings, 'websocket.max_connections': '1' });
      const headers = { Authorization: `Bearer ${await tokenOf('alice')}`, Origin: options.headers?.['origin'] };
      const path = options.query === undefined ? '/ws' : '/ws?refuse=close';
      const refused = async (): Promise<unknown> => refusalIn(await handshake(server.port, headers, path));
      server.running.node.parts.mode.send({ type: 'REFUSE' });
      expect(await refused()).toMatchObject({ code: 503, reason: 'not_admitting' });
      server.running.node.parts.mode.send({ type: 'ADMIT' });
      await connect(server.port, options);
      expect(await refused()).toMatchObject({ code: 503, reason: 'over_capacity' });
    });
  });

  test('a page of a foreign origin is told so and closed with 4003, whatever its token', async () => {
    const server = await startServer(settings);
    for (const token of [undefined, null, 'not a token']) {
      const given = token === undefined ? {} : { token };
      const client = await dial(server.port, { ...given, headers: { origin: 'https://evil.example' } });
      await expectTold(client, { reason: 'origin_not_allowed', code: 403, close: 4003 });
      expect(client.frames[0]?.data).toMatchObject({
        message:
          'expected an Origin from security.allowed_origins, got "https://evil.example": the log has the line to add',
      });
    }
    expect(server.connections).toBe(0);
    const samples = await server.samples('signalbox_connections_refused_total');
    expect(samples).toEqual([{ reason: 'origin_not_allowed', value: 3 }]);
  });

  test('on a developer’s machine the page is told what is allowed', async () => {
    const server = await startServer({ ...settings, profile: 'development' });
    const client = await dial(server.port, { headers: { origin: 'https://evil.example' } });
    expect((await client.next('Error')).data).toMatchObject({ message: expect.stringContaining(`(${ORIGIN}), got`) });
  });

  test('in the negotiated format, to the platform’s own WebSocket', async () => {
    const server = await startServer();
    const options = { library: 'platform', format: 'msgpack', query: { refuse: 'close' } } as const;
    const client = await dial(server.port, { ...options, expiresIn: -61 });
    await expectTold(client, { reason: 'token_expired', code: 401, close: 4300 });
    expect(client.messages[0]).toBeInstanceOf(Uint8Array);
  });

  test('a subprotocol that is not served is closed with 4006', async () => {
    const server = await startServer();
    const token = await tokenOf('alice');
    const client = await dial(server.port, { protocols: [], query: { refuse: 'close', format: 'xml', token } });
    await expectTold(client, { reason: 'bad_handshake', code: 400, close: 4006 });
  });

  test('a long text of the close is cut between two characters', async () => {
    const server = await startServer();
    const token = await tokenOf('alice');
    for (const format of ['é'.repeat(60), `a${'é'.repeat(60)}`]) {
      const client = await dial(server.port, { protocols: [], query: { refuse: 'close', format, token } });
      await expectTold(client, { reason: 'bad_handshake', code: 400, close: 4006 });
    }
  });

  test('a token of another user on a live connection is closed with 4003', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    const token = await tokenOf('mallory');
    expect((await client.ask('Authenticate', { token })).data).toMatchObject({ code: 403, reason: 'not_allowed' });
    expect((await within(client.closed, 'the close')).code).toBe(4003);
  });

  test('a handshake that is none is never upgraded', async () => {
    const server = await startServer();
    const answer = await handshake(server.port, { 'Sec-WebSocket-Version': '8' }, '/ws?refuse=close');
    expect(answer.status).toBe(426);
  });
});
