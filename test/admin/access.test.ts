/** The right to operate a node: nobody has it without the token, and nobody can guess it. */
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { startProcess } from '../harness/process.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const ENDPOINTS = [
  ['POST', '/admin/emergency-mode'],
  ['POST', '/admin/connections/disable-new'],
  ['POST', '/admin/connections/enable-new'],
  ['PUT', '/admin/config/rate-limits'],
  ['PUT', '/admin/config/log-level'],
  ['POST', '/admin/broadcast'],
  ['GET', '/admin/connections'],
  ['GET', '/admin/connections/x'],
  ['DELETE', '/admin/connections/x'],
  ['POST', '/admin/users/ann/disconnect'],
  ['POST', '/admin/tokens/revoke'],
  ['POST', '/admin/tokens/check'],
  ['GET', '/admin/secrets'],
  ['POST', '/admin/rights/changed'],
  ['GET', '/admin/apps/dead-letters'],
  ['POST', '/admin/apps/dead-letters/replay'],
  ['GET', '/admin/topics'],
  ['GET', '/admin/dead-letters'],
  ['GET', '/admin/figures'],
  ['POST', '/admin/drain'],
  ['POST', '/admin/profile'],
] as const;

const OPEN = { 'admin.token': ADMIN_TOKEN, 'auth.failures_per_minute': '1000' };

describe('without the right token', () => {
  test('every endpoint answers 401 that names the header, and does nothing', async () => {
    const server = await startServer(OPEN);
    const admin = new Admin(server.port);
    for (const [method, path] of ENDPOINTS) {
      for (const token of [null, 'wrong', ADMIN_TOKEN.slice(0, -1), `${ADMIN_TOKEN}x`, 'a.b.c', '']) {
        const { status, body, headers } = await admin.call(method, path, method === 'GET' ? undefined : {}, token);
        expect([path, token, status]).toEqual([path, token, 401]);
        expect(headers.get('www-authenticate')).toBe('Bearer');
        if (token === null)
          expect(body).toMatchObject({
            error: { reason: 'token_missing', message: expect.stringContaining('Authorization: Bearer') },
          });
      }
    }
    expect(server.running.node.parts.mode.mode).toBe('running');
  });

  test('a JWT without the role admin, or of a tenant, is not allowed; one with it is', async () => {
    const server = await startServer(OPEN);
    const admin = new Admin(server.port);
    const status = async (roles: string[], claims = {}): Promise<number> =>
      (await admin.call('GET', '/admin/topics', undefined, await tokenOf('olga', { roles, claims }))).status;
    expect(await status(['user'])).toBe(403);
    expect(await status(['service'])).toBe(403);
    expect(await status(['admin'], { tenant: 'acme' })).toBe(403);
    expect(await status(['user', 'admin'])).toBe(200);
    expect(await status(['admin'], { exp: 1 })).toBe(401);
  });

  test('without admin.token in the configuration only a JWT opens', async () => {
    const server = await startServer({ 'auth.failures_per_minute': '1000' });
    const admin = new Admin(server.port);
    for (const token of ['undefined', 'null', '', ADMIN_TOKEN])
      expect((await admin.call('GET', '/admin/topics', undefined, token)).status).toBe(401);
    const jwt = await tokenOf('olga', { roles: ['admin'] });
    expect((await admin.call('GET', '/admin/topics', undefined, jwt)).status).toBe(200);
  });

  test('guessing is limited by address and logged, and the address does not lock out another one', async () => {
    const server = await startProcess(
      ['--set', 'auth.failures_per_minute=3', '--set', 'server.trusted_proxies=127.0.0.1'],
      { ADMIN_TOKEN },
    );
    const admin = new Admin(server.port);
    const from = { 'x-forwarded-for': '203.0.113.9' };
    const attempts: number[] = [];
    for (let n = 0; n < 5; n += 1)
      attempts.push((await admin.call('GET', '/admin/topics', undefined, `guess-${n}`, from)).status);
    expect(attempts).toEqual([401, 401, 401, 429, 429]);
    // Even the right token has to wait then: else guessing could go on.
    const limited = await admin.call('GET', '/admin/topics', undefined, ADMIN_TOKEN, from);
    expect([limited.status, Number(limited.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect((await admin.call('GET', '/admin/topics')).status).toBe(200);
    await server.end();
    const refused = server.lines().filter(({ message }) => message === 'Admin request refused');
    expect(refused).toHaveLength(6);
    expect(refused[0]).toMatchObject({ level: 'WARN', address: '203.0.113.9', path: '/admin/topics' });
    expect(server.output).not.toContain('guess-');
    expect(server.output).not.toContain(ADMIN_TOKEN);
  });
});

test('refused attempts are in the metric by their reasons, and each counts once against its address', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN, 'auth.failures_per_minute': '4' });
  const admin = new Admin(server.port);
  const attempts = [
    null,
    'wrong',
    await tokenOf('olga', { roles: ['admin'], claims: { exp: 1 } }),
    await tokenOf('olga', { roles: ['user'] }),
    ADMIN_TOKEN,
  ];
  const answers: number[] = [];
  for (const token of attempts) answers.push((await admin.call('GET', '/admin/topics', undefined, token)).status);
  expect(answers).toEqual([401, 401, 401, 403, 429]);
  const samples = await server.samples('signalbox_authentication_failures_total');
  expect(Object.fromEntries(samples.map(({ reason, value }) => [reason, value]))).toEqual({
    token_missing: 1,
    token_invalid: 1,
    token_expired: 1,
    not_allowed: 1,
    rate_limited: 1,
  });
});

describe('the body', () => {
  test('is read whatever Content-Type says, as curl -d sends it', async () => {
    const server = await startServer(OPEN);
    const admin = new Admin(server.port);
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/json', '']) {
      const headers = { 'content-type': type };
      const { status } = await admin.call('PUT', '/admin/config/log-level', '{"level":"error"}', ADMIN_TOKEN, headers);
      expect([type, status]).toEqual([type, 200]);
    }
  });

  test.each([
    ['POST', '/admin/emergency-mode', '{', 'malformed', 'JSON'],
    ['POST', '/admin/emergency-mode', {}, 'invalid_field', 'mode'],
    ['POST', '/admin/emergency-mode', { mode: 'off' }, 'invalid_field', 'mode'],
    ['POST', '/admin/emergency-mode', { mode: 'normal', ttl: 5 }, 'invalid_field', 'ttl'],
    ['POST', '/admin/emergency-mode', { mode: 'normal', ttl_secs: 0 }, 'invalid_field', 'ttl_secs'],
    ['POST', '/admin/connections/disable-new', { admits: true }, 'invalid_field', 'admits'],
    ['PUT', '/admin/config/rate-limits', {}, 'invalid_field', 'connection_rps'],
    ['PUT', '/admin/config/rate-limits', { user_rps: -1 }, 'invalid_field', 'user_rps'],
    ['PUT', '/admin/config/log-level', { level: 'loud' }, 'invalid_field', 'trace, debug'],
    ['POST', '/admin/broadcast', { type: 'Broadcast', data: { message: 'x' } }, 'invalid_field', 'type'],
    ['POST', '/admin/tokens/revoke', {}, 'invalid_field', 'jti, user, issued_before'],
    ['POST', '/admin/profile', { kind: 'disk' }, 'invalid_field', 'kind'],
    ['POST', '/admin/profile', { kind: 'cpu', secs: 1e9 }, 'invalid_field', 'secs'],
    ['DELETE', '/admin/connections/nobody', {}, 'not_found', 'no open connection'],
    ['POST', '/admin/drain', { node: 7 }, 'invalid_field', 'node'],
  ] as const)('%s %s %j is refused with %s that names %s', async (method, path, body, reason, named) => {
    const server = await startServer(OPEN);
    const answer = await new Admin(server.port).call(method, path, body);
    expect(answer.body).toMatchObject({ error: { reason, message: expect.stringContaining(named) } });
    expect(server.running.node.parts.mode.mode).toBe('running');
  });
});

test('with admin.port, /admin is served there and nowhere else', async () => {
  const server = await startServer({ ...OPEN, 'admin.port': '0' });
  const { adminPort } = server.running;
  expect(adminPort).not.toBe(server.port);
  expect((await new Admin(server.port).get('/admin/topics')).status).toBe(404);
  expect((await new Admin(adminPort).get('/admin/topics')).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${adminPort}/ws`)).status).toBe(404);
});
