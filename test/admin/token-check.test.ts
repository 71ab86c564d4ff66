/** `POST /admin/tokens/check` and `GET /admin/secrets`: what a running node says of a token and of its secrets. */
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../src/auth/fingerprint.ts';
import { TOKEN_CHECK } from '../../src/http/token-check.ts';
import { ADMIN_ENDPOINTS } from '../../src/http/openapi/admin-endpoints.ts';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { startProcess } from '../harness/process.ts';
import { startServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

const CHECK = '/admin/tokens/check';

async function node(settings: Readonly<Record<string, string>> = {}): Promise<Admin> {
  return new Admin((await startServer({ 'admin.token': ADMIN_TOKEN, ...settings })).port);
}

function described(path: string, body: unknown): unknown {
  const response = ADMIN_ENDPOINTS.find((endpoint) => endpoint.path === path)?.response;
  return response !== undefined && 'parse' in response ? response.parse(body) : null;
}

describe('a token that a node is asked about', () => {
  test('is accepted with its user, its key and what it may do', async () => {
    const rules = '[{"pattern":"chat.**","subscribe":["user"]}]';
    const admin = await node({ 'topics.rules': rules, 'topics.subscribe': 'admin', 'topics.publish': 'admin' });
    const token = await tokenOf('alice', { claims: { jti: 't-1', subscribe: ['@me', 'chat.lobby'] } });
    const { status, body, headers } = await admin.post(CHECK, { token });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toMatchObject({
      node: 'test-node',
      accepted: true,
      key: 'auth.jwt_secret',
      principal: { tenant: '', user: 'alice', roles: ['user'], token_id: 't-1' },
      rights: {
        topics: [{ name: 'chat.**', subscribe: null, publish: 'role' }],
        others: { subscribe: 'role', publish: 'role' },
        given: [
          { name: '@me', subscribe: null },
          { name: 'chat.lobby', subscribe: null },
        ],
      },
    });
    expect(described(CHECK, body)).toEqual(body);
  });

  test('that was revoked is refused with the reason, and nobody fails by asking', async () => {
    const admin = await node({ 'auth.failures_per_minute': '2' });
    const token = await tokenOf('alice', { claims: { jti: 'stolen' } });
    await admin.post('/admin/tokens/revoke', { jti: 'stolen' });
    for (let time = 0; time < 4; time += 1) {
      const { status, body } = await admin.post(CHECK, { token });
      expect([status, body['accepted'], body['reason']]).toEqual([200, false, 'token_revoked']);
      expect(described(CHECK, body)).toEqual(body);
    }
  });

  test('is in no line of the log, however much is logged', async () => {
    const server = await startProcess(['--set', 'logging.level=trace'], { ADMIN_TOKEN });
    const admin = new Admin(server.port);
    const [good, bad] = [await tokenOf('alice'), await tokenOf('bob', { secret: 'x'.repeat(40) })];
    for (const token of [good, bad, 'nonsense', 5])
      expect((await admin.post(CHECK, { token })).status).toBe(typeof token === 'string' ? 200 : 400);
    await server.end();
    for (const token of [good, bad]) expect(server.output).not.toContain(token.split('.')[2]);
  });

  test('that is longer than the server reads is still answered', () => {
    expect(TOKEN_CHECK.safeParse({ token: 'x'.repeat(9_000) }).success).toBe(true);
  });
});

describe('the fingerprints of secrets', () => {
  const nonce = 'a nonce of one comparison';
  const path = `/admin/secrets?nonce=${encodeURIComponent(nonce)}`;

  test('are those of the secrets that the node runs with, by the nonce that was given', async () => {
    const admin = await node();
    const { body } = await admin.get(path);
    expect(body).toEqual({
      node: 'test-node',
      secrets: [
        { key: 'auth.jwt_secret', fingerprint: fingerprintOf(Buffer.from(SECRET), nonce) },
        { key: 'admin.token', fingerprint: fingerprintOf(Buffer.from(ADMIN_TOKEN), nonce) },
      ],
    });
    expect(described('/admin/secrets', body)).toEqual(body);
    const others = await admin.get('/admin/secrets?nonce=another-one-of-16');
    expect(JSON.stringify(others.body)).not.toContain(fingerprintOf(Buffer.from(SECRET), nonce));
    expect((await admin.get('/admin/secrets?nonce=short')).status).toBe(400);
  });

  test('are those of every node, with node=*', async () => {
    const admin = await node();
    const { body } = await admin.get(`${path}&node=*`);
    expect(body).toMatchObject({ node: '*', nodes: [{ node: 'test-node', problem: null }] });
    expect(described('/admin/secrets', body)).toEqual(body);
  });

  test('cannot be made to sign a token: what a token is signed over has no colon in it', async () => {
    const [head = '', payload = '', signature = ''] = (await tokenOf('mallory', { roles: ['admin'] })).split('.');
    const { body } = await (await node()).get(`/admin/secrets?nonce=${head}.${payload}`);
    expect(JSON.stringify(body)).not.toContain(signature);
  });
});
