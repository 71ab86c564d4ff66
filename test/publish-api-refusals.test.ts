/** The callers that the API for backends refuses, for ever or for now, and what they are told: docs/http.md, "API for backends". */
import { describe, expect, test } from 'vitest';
import { Backend, type Answer, type Results } from './harness/backend.ts';
import { connect } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { refusalIn, request, type Refused } from './harness/raw.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';
import { Witness } from './harness/witness.ts';

const TOPIC = 'orders.eu';
const ITEM = { topic: TOPIC, payload: 1 };
/** Every endpoint of the API. */
const ENDPOINTS = [
  { method: 'POST', path: '/api/publish', body: ITEM },
  { method: 'GET', path: `/api/topics/${TOPIC}/history`, body: undefined },
  { method: 'GET', path: `/api/topics/${TOPIC}/position`, body: undefined },
] as const;

/** Status and reason of an answer whose body has the common shape and nothing else. */
function refused({ status, body }: Answer): [number, string] {
  const { error } = body as Refused;
  const { details, ...plain } = error as typeof error & { readonly details?: unknown };
  expect(plain).toEqual({ code: status, reason: expect.any(String), message: expect.any(String) });
  if (details !== undefined) expect(details).toEqual({ because: expect.stringMatching(/^(no_rule|role|token)$/) });
  return [status, error.reason];
}

interface Rate {
  readonly limit: number;
  readonly remaining: number;
  readonly reset: number;
}

function rateOf({ headers }: Answer): Rate {
  const number = (name: string): number => {
    expect(headers.get(`x-ratelimit-${name}`), `x-ratelimit-${name}`).toMatch(/^\d+$/);
    return Number(headers.get(`x-ratelimit-${name}`));
  };
  return { limit: number('limit'), remaining: number('remaining'), reset: number('reset') };
}

describe.each(ENDPOINTS)('$method $path without a good token', ({ method, path, body }) => {
  test.each<[string, string | undefined, string]>([
    ['no header', undefined, 'token_missing'],
    ['another scheme', 'Basic c2hvcDpzZWNyZXQ=', 'token_missing'],
    ['no token', 'Bearer', 'token_missing'],
    ['two tokens', 'Bearer a b', 'token_missing'],
    ['no JWT', 'Bearer nonsense', 'token_invalid'],
  ])('%s: 401', async (_, authorization, reason) => {
    const server = await startServer();
    const answer = await new Backend(server, authorization === undefined ? {} : { authorization }).call(
      method,
      path,
      body,
    );
    expect(refused(answer)).toEqual([401, reason]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(rateOf(answer).limit).toBe(60);
    if (reason === 'token_missing') expect((answer.body as Refused).error.message).toContain('Authorization');
  });

  test.each([
    ['expired', { expiresIn: -120 }, 401, 'token_expired'],
    ['signed by somebody else', { secret: 'another secret of at least thirty-two bytes' }, 401, 'token_invalid'],
    ['without expiry', { claims: { exp: undefined } }, 401, 'token_invalid'],
    ['of the role user', { roles: ['user'] }, 403, 'not_allowed'],
    ['of the role admin', { roles: ['admin'] }, 403, 'not_allowed'],
    ['of no role', { roles: [] }, 403, 'not_allowed'],
  ])('one that is %s', async (_, options, status, reason) => {
    const server = await startServer();
    const answer = await (await Backend.on(server, options)).call(method, path, body);
    expect(refused(answer)).toEqual([status, reason]);
    expect(JSON.stringify(answer.body)).not.toContain('eyJ');
  });

  test('the places of the handshake do not count: only the header', async () => {
    const server = await startServer();
    const token = await tokenOf('shop', { roles: ['service'] });
    const backend = new Backend(server, { 'sec-websocket-protocol': `access_token.${token}, signalbox.json` });
    expect(refused(await backend.call(method, `${path}?token=${token}`, body))).toEqual([401, 'token_missing']);
  });
});

describe('failed tokens', () => {
  test('are counted and limited per address; callers known before go on', async () => {
    const server = await startServer({ 'auth.failures_per_minute': '3' });
    const known = await Backend.on(server);
    await known.publish(TOPIC, 1);
    const mallory = new Backend(server, { authorization: 'Bearer nonsense' });
    const remaining: number[] = [];
    for (let at = 0; at < 3; at += 1) {
      const answer = await mallory.post(ITEM);
      expect(refused(answer)).toEqual([401, 'token_invalid']);
      remaining.push(rateOf(answer).remaining);
    }
    expect(remaining).toEqual([2, 1, 0]);
    const answer = await mallory.post(ITEM);
    expect(refused(answer)).toEqual([429, 'rate_limited']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused(await (await Backend.on(server, { user: 'new' })).post(ITEM))).toEqual([429, 'rate_limited']);
    await known.publish(TOPIC, 2);
    const samples = await server.samples('signalbox_authentication_failures_total');
    expect(Object.fromEntries(samples.map(({ reason, value }) => [reason, value]))).toEqual({
      token_invalid: 3,
      rate_limited: 2,
    });
  });

  test('behind a trusted proxy the addresses are those that it names', async () => {
    const server = await startServer({ 'auth.failures_per_minute': '1', 'server.trusted_proxies': '127.0.0.1' });
    const from = (address: string): Backend =>
      new Backend(server, { authorization: 'Bearer nonsense', 'x-forwarded-for': address });
    expect(refused(await from('192.0.2.1').post(ITEM))[0]).toBe(401);
    expect(refused(await from('192.0.2.1').post(ITEM))[0]).toBe(429);
    expect(refused(await from('192.0.2.2').post(ITEM))[0]).toBe(401);
  });

  test('other spellings of one address, and text that is none, are no new addresses', async () => {
    const server = await startServer({ 'auth.failures_per_minute': '1', 'server.trusted_proxies': '127.0.0.1' });
    const status = async (address: string): Promise<number> =>
      (await new Backend(server, { authorization: 'Bearer nonsense', 'x-forwarded-for': address }).post(ITEM)).status;
    expect(await status('192.0.2.1')).toBe(401);
    for (const same of ['192.0.2.1:5000', '::ffff:192.0.2.1', '[::ffff:c000:201]:1'])
      expect(await status(same)).toBe(429);
    expect(await status('2001:db8::1')).toBe(401);
    for (const same of ['[2001:db8::2]:80', '2001:DB8:0:0:1::']) expect(await status(same)).toBe(429);
    expect(await status('made up')).toBe(401);
    expect(await status('made up again')).toBe(429);
  });

  test('an address that nobody trusts says nothing of others', async () => {
    const server = await startServer({ 'auth.failures_per_minute': '1' });
    const from = (address: string): Backend =>
      new Backend(server, { authorization: 'Bearer nonsense', 'x-forwarded-for': address });
    expect(refused(await from('192.0.2.1').post(ITEM))[0]).toBe(401);
    expect(refused(await from('192.0.2.2').post(ITEM))[0]).toBe(429);
  });
});

describe('rights', () => {
  test('are those of the topics: by rule and by claim, to publish and to read', async () => {
    const server = await startServer({
      'topics.rules': '[{"pattern":"orders.**","publish":["service"],"subscribe":["user"]}]',
      'topics.direct_publish': 'user',
    });
    const backend = await Backend.on(server, {
      claims: { topics: { publish: ['orders.eu'], subscribe: ['news.**'] } },
    });
    expect((await backend.post(ITEM)).status).toBe(200);
    const foreign = await backend.post({ ...ITEM, topic: 'orders.us' });
    expect(refused(foreign)).toEqual([403, 'not_allowed']);
    expect((foreign.body as Refused).error).toMatchObject({ details: { because: 'token' } });
    expect(refused(await backend.post({ ...ITEM, topic: '@user.Ym9i' }))).toEqual([400, 'invalid_topic']);
    expect(refused(await backend.post({ target_user: 'bob', payload: 1 }))).toEqual([403, 'not_allowed']);
    expect((await backend.history('news.today')).status).toBe(200);
    expect(refused(await backend.history(TOPIC))).toEqual([403, 'not_allowed']);
    expect(refused(await backend.position(TOPIC))).toEqual([403, 'not_allowed']);
  });
});

describe('a node that does not take it now', () => {
  test('read-only: publishing is 503 with Retry-After, reading goes on, and afterwards all is well', async () => {
    const server = await startServer();
    const backend = await Backend.on(server);
    await backend.publish(TOPIC, 1);
    server.running.node.parts.mode.send({ type: 'READ_ONLY' });
    for (const body of [ITEM, [ITEM, ITEM]]) {
      const answer = await backend.post(body);
      expect(refused(answer)).toEqual([503, 'read_only']);
      expect(answer.headers.get('retry-after')).toBe('5');
      rateOf(answer);
    }
    expect((await backend.history(TOPIC)).body.messages).toHaveLength(1);
    expect((await backend.position(TOPIC)).status).toBe(200);
    server.running.node.parts.mode.send({ type: 'NORMAL' });
    await backend.publish(TOPIC, 2);
  });

  test('closed to new connections: requests are none', async () => {
    const server = await startServer();
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    expect((await (await Backend.on(server)).post(ITEM)).status).toBe(200);
  });

  test('draining: everything is 503 with Retry-After', async () => {
    const server = await startServer({ 'shutdown.closes_per_second': '20' });
    const token = await tokenOf('alice');
    for (let at = 0; at < 40; at += 1) await connect(server.port, { token });
    const backend = await Backend.on(server);
    const stopping = server.stop();
    for (const { method, path, body } of ENDPOINTS) {
      const answer = await backend.call(method, path, body);
      expect(refused(answer)).toEqual([503, 'not_admitting']);
      expect(answer.headers.get('retry-after')).toBe('2');
    }
    await within(stopping, 'the drain');
  });

  test('full of topics: 429, and when to come back', async () => {
    const server = await startServer({ 'topics.max_topics': '1' });
    const backend = await Backend.on(server);
    await backend.publish(TOPIC, 1);
    const answer = await backend.post({ ...ITEM, topic: 'another' });
    expect(refused(answer)).toEqual([429, 'topic_limit']);
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});

describe('rates', () => {
  const SLOW = { 'rate_limiting.user_rps': '0.01', 'rate_limiting.user_burst': '12' };

  test('A-26: every answer says what is left; what is beyond is 429 with Retry-After', async () => {
    const server = await startServer(SLOW);
    const backend = await Backend.on(server);
    const before = Math.floor(Date.now() / 1_000);
    const first = await backend.post(ITEM);
    const { reset, ...rate } = rateOf(first);
    expect(rate).toEqual({ limit: 12, remaining: 11 });
    // One token comes back in 100 s.
    expect(reset).toBeGreaterThanOrEqual(before + 99);
    expect(reset).toBeLessThanOrEqual(before + 110);
    expect(rateOf(await backend.position(TOPIC)).remaining).toBe(10);
    expect(rateOf(await backend.history(TOPIC)).remaining).toBe(5);
    expect(rateOf(await backend.post('nonsense')).remaining).toBe(4);
    expect(rateOf(await backend.post([ITEM, ITEM])).remaining).toBe(2);
    const tooMuch = await backend.history(TOPIC);
    expect(refused(tooMuch)).toEqual([429, 'rate_limited']);
    expect(rateOf(tooMuch).remaining).toBe(2);
    expect(Number(tooMuch.headers.get('retry-after'))).toBeGreaterThan(200);
    expect(Number(tooMuch.headers.get('retry-after'))).toBeLessThanOrEqual(300);
    const { status, body } = await backend.post<Results>([ITEM, ITEM, ITEM]);
    expect(status).toBe(207);
    expect(body.results.map((result) => result.error?.reason ?? result.status)).toEqual([
      'delivered',
      'delivered',
      'rate_limited',
    ]);
    expect(body.results[2]?.error.retry_after_ms).toBeGreaterThan(1_000);
    const samples = await server.samples('signalbox_rate_limited_total');
    expect(samples.map(({ scope, value }) => [scope, value])).toEqual([['user', 2]]);
  });

  test('each started 8 KiB of a body after its first cost one more, before it is parsed; never more than a full bucket', async () => {
    const server = await startServer(SLOW);
    const backend = await Backend.on(server);
    const large = { topic: TOPIC, payload: 'x'.repeat(20_000) };
    expect(rateOf(await backend.post(large)).remaining).toBe(9);
    expect(rateOf(await backend.post([large, ITEM])).remaining).toBe(5);
    expect(rateOf(await backend.post('['.repeat(17_000))).remaining).toBe(2);
    expect(refused(await backend.post(large))).toEqual([429, 'rate_limited']);
    const other = await Backend.on(server, { user: 'other' });
    expect((await other.post({ topic: TOPIC, payload: 'x'.repeat(65_000 - 100) })).status).toBe(200);
    const third = await Backend.on(server, { user: 'third' });
    expect(rateOf(await third.post('['.repeat(1_000_000))).remaining).toBe(0);
  });

  test('A-26: are shared with the connections of the same user, and with nobody else', async () => {
    const server = await startServer(SLOW);
    const client = await connect(server.port, { user: 'shop', roles: ['service'] });
    for (let at = 0; at < 12; at += 1) expect((await client.publish(TOPIC, at)).type).toBe('Ack');
    expect(refused(await (await Backend.on(server)).post(ITEM))).toEqual([429, 'rate_limited']);
    expect((await (await Backend.on(server, { user: 'other' })).post(ITEM)).status).toBe(200);
    const sameName = await Backend.on(server, { claims: { tenant: 'acme' } });
    expect((await sameName.post(ITEM)).status).toBe(200);
  });

  test('a wrong role costs too', async () => {
    const server = await startServer(SLOW);
    const backend = await Backend.on(server, { roles: ['user'] });
    for (let at = 0; at < 12; at += 1) expect(refused(await backend.post(ITEM))[0]).toBe(403);
    expect(refused(await backend.post(ITEM))).toEqual([429, 'rate_limited']);
  });

  test('the headers are those of the node when it has less left than the user', async () => {
    const server = await startServer({ 'rate_limiting.global_rps': '0.01', 'rate_limiting.global_burst': '2' });
    const backend = await Backend.on(server);
    expect(rateOf(await backend.post(ITEM))).toMatchObject({ limit: 2, remaining: 1 });
    await backend.post(ITEM);
    const answer = await backend.post(ITEM);
    expect(refused(answer)).toEqual([429, 'rate_limited']);
    expect((answer.body as unknown as Refused).error.message).toContain('node');
    expect(rateOf(answer)).toMatchObject({ limit: 2, remaining: 0 });
  });

  test('turned off there are none', async () => {
    const server = await startServer({ ...SLOW, 'rate_limiting.enabled': 'false' });
    const backend = await Backend.on(server);
    for (let at = 0; at < 20; at += 1) {
      const { status, headers } = await backend.post(ITEM);
      expect([status, headers.get('x-ratelimit-limit')]).toEqual([200, null]);
    }
  });

  test('users who only call are forgotten when their buckets are full again', async () => {
    const server = await startServer();
    await (await Backend.on(server)).post(ITEM);
    const { users } = server.running.node.parts.context;
    expect(users.size).toBe(1);
    users.sweep(performance.now() + 10_000);
    expect(users.size).toBe(0);
  });
});

describe('size', () => {
  const SMALL = { 'websocket.max_message_size': '2000' };
  const sized = (bytes: number): string =>
    JSON.stringify({ topic: TOPIC, payload: '' }).replace('""', `"${'x'.repeat(bytes - 34)}"`);

  test('a message as large as on the socket is taken, one byte more is 413', async () => {
    const server = await startServer(SMALL);
    const backend = await Backend.on(server);
    const fits = sized(2_000).padEnd(2_000);
    expect((await backend.post(fits)).status).toBe(200);
    const answer = await backend.post(`${fits} `);
    expect(refused(answer)).toEqual([413, 'payload_too_large']);
    expect((answer.body as unknown as Refused).error.message).toContain('2001');
  });

  test('in an array each message counts alone, in bytes and not in characters', async () => {
    const server = await startServer(SMALL);
    const backend = await Backend.on(server);
    const { status, body } = await backend.post<Results>([
      { topic: TOPIC, payload: 'é'.repeat(900) },
      { topic: TOPIC, payload: 'é'.repeat(1_100) },
      { topic: TOPIC, payload: 'x'.repeat(1_900) },
    ]);
    expect(status).toBe(207);
    expect(body.results.map((result) => result.error?.code ?? result.sequence)).toEqual([1, 413, 2]);
  });

  test('a body above 1 MiB is 413 with or without a token, with headers for pages, and the node goes on', async () => {
    const server = await startServer({ 'security.allowed_origins': 'https://app.example' });
    const witness = await Witness.on(server);
    const length = 1_048_577;
    const answer = await request(
      server.port,
      'POST /api/publish',
      { 'Content-Length': String(length), Origin: 'https://app.example' },
      'x'.repeat(length),
    );
    expect(answer.status).toBe(413);
    expect(refusalIn(answer).reason).toBe('payload_too_large');
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' });
    await witness.expectUndisturbed();
  });

  test('the bound of a body grows with that of a message', async () => {
    const server = await startServer({
      'websocket.max_message_size': '3000000',
      'actor_system.mailbox_bytes': '8000000',
    });
    const backend = await Backend.on(server);
    expect((await backend.post({ topic: TOPIC, payload: 'x'.repeat(2_900_000) })).status).toBe(200);
    expect(refused(await backend.post({ topic: TOPIC, payload: 'x'.repeat(3_000_001) }))[0]).toBe(413);
  });
});

test('requests are counted by route and class of status, and by nothing that a caller chooses', async () => {
  const server = await startServer();
  const backend = await Backend.on(server);
  await backend.publish(TOPIC, 1);
  await backend.post('nonsense');
  for (const topic of ['a', 'b', 'c']) await backend.history(topic);
  for (const path of ['/nope', '/nope2', '/api/nope']) await backend.call('GET', path);
  await backend.call('PUT', '/api/publish', 1);
  const samples = (await server.samples('signalbox_http_requests_total')) as unknown as Record<string, unknown>[];
  expect(
    Object.fromEntries(samples.map(({ route, status, value }) => [`${route as string} ${status as string}`, value])),
  ).toEqual({
    '/api/publish 2xx': 1,
    '/api/publish 4xx': 1,
    '/api/topics/:topic/history 2xx': 3,
    'other 4xx': 4,
  });
});
