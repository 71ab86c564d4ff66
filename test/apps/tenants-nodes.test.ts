/** Tenants on two nodes: who is served, since when, and how much; what one node changes holds on both within a second. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../harness/client.ts';
import { POSTGRESQL } from '../harness/postgresql-server.ts';
import type { TestServer } from '../harness/server.ts';
import { ask, said, TenantNodes, userOf } from '../harness/tenants.ts';
import { tokenOf } from '../harness/tokens.ts';

const OWN = '/apps/tenants/own';

describe.skipIf(POSTGRESQL === null)('two nodes with tenants', () => {
  let tenants: TenantNodes;
  beforeAll(async () => {
    tenants = await TenantNodes.open({ 'apps.tenants.base_domain': 'chat.example', 'apps.tenants.required': 'true' });
  }, 60_000);
  afterAll(() => tenants.stop());

  const both = async (token: string): Promise<string[]> =>
    Promise.all(tenants.at.nodes.map(async (node) => said(await ask(node, 'GET', OWN, { token }))));

  /** Milliseconds until both nodes say so. */
  async function until(token: string, wanted: string): Promise<number> {
    const began = performance.now();
    for (;;) {
      const answers = await both(token);
      if (answers.every((answer) => answer === wanted)) return performance.now() - began;
      if (performance.now() - began > 5_000) throw new Error(`expected ${wanted}, got ${answers.join(', ')}`);
    }
  }

  test('W-23: a tenant is made, read, listed, changed and deleted; its audit stays', async () => {
    const made = await tenants.operate('POST', '/tenants', {
      tenantId: 'crud',
      name: 'Crud',
      subdomain: 'crud',
      phoneNumberIds: ['1001'],
      settings: { region: 'mypurecloud.de' },
    });
    expect(made).toMatchObject({ status: 201, body: { tenantId: 'crud', status: 'active', rateLimit: 600 } });
    expect((await tenants.operate('GET', '/tenants/crud')).body).toEqual(made.body);
    expect(said(await tenants.operate('POST', '/tenants', { tenantId: 'crud', name: 'x' }))).toBe('409 wrong_state');
    expect(said(await tenants.operate('POST', '/tenants', { name: 'x', subdomain: 'crud' }))).toBe('409 wrong_state');
    expect(said(await tenants.operate('POST', '/tenants', { name: 'x', phoneNumberIds: ['1001'] }))).toBe(
      '409 wrong_state',
    );
    for (const bad of [
      { rateLimit: 0 },
      { rateLimit: '200' },
      { rateLimit: 1.5 },
      { status: 'deleted' },
      { tenantId: 'y' },
      { subdomain: 'A b' },
    ])
      expect(said(await tenants.operate('PATCH', '/tenants/crud', bad)), JSON.stringify(bad)).toBe('400 invalid_field');
    const listed = await tenants.operate('GET', '/tenants?limit=1000');
    expect((listed.body.tenants as readonly { tenantId: string }[]).map(({ tenantId }) => tenantId)).toContain('crud');
    const deleted = await tenants.operate('DELETE', '/tenants/crud');
    expect(deleted.body).toMatchObject({ status: 'deleted', subdomain: null, phoneNumberIds: [] });
    expect(said(await tenants.operate('PATCH', '/tenants/crud', { status: 'active' }))).toBe('404 not_found');
    const { entries } = (await tenants.operate('GET', '/tenants/crud/audit')).body as {
      entries: readonly { action: string; actor: string; details: unknown }[];
    };
    expect(entries.map(({ action }) => action)).toEqual(['deleted', 'created']);
    expect(entries[0]).toMatchObject({ actor: 'operator', details: { subdomain: 'crud', phoneNumberIds: ['1001'] } });
  });

  test('W-25: without a token 401 and what is missing, of an unknown tenant 401, of a suspended one 403', async () => {
    await tenants.create('w25');
    const nothing = await ask(tenants.one, 'GET', OWN);
    expect([nothing.status, nothing.body.error.message]).toEqual([
      401,
      expect.stringContaining('Tenant identification required'),
    ]);
    const unknownKey = await ask(tenants.one, 'GET', OWN, { token: `sbk_${'A'.repeat(43)}` });
    expect([said(unknownKey), unknownKey.body.error.message]).toEqual(['401 tenant_not_found', 'Tenant not found']);
    expect(said(await ask(tenants.one, 'GET', OWN, { token: await userOf('nobody') }))).toBe('401 tenant_not_found');
    const stranger = await ask(tenants.one, 'GET', OWN, { token: await tokenOf('ada') });
    expect([said(stranger), stranger.body.error.message]).toEqual([
      '401 tenant_required',
      'Tenant identification required',
    ]);
    const token = await userOf('w25');
    expect(await both(token)).toEqual(['200', '200']);
    await tenants.operate('PATCH', '/tenants/w25', { status: 'suspended' });
    expect(await both(token)).toEqual(['403 tenant_suspended', '403 tenant_suspended']);
  });

  test('W-25: a tenant that is suspended on one node loses its sockets on both within a second, others keep theirs; resumed it is served again', async ({
    annotate,
  }) => {
    for (const id of ['sus', 'other']) await tenants.create(id);
    const token = await userOf('sus');
    const open = async (node: TestServer, of: string) => connect(node.port, { token: await userOf(of) });
    const theirs = await Promise.all(tenants.at.nodes.map((node) => open(node, 'sus')));
    const others = await Promise.all(tenants.at.nodes.map((node) => open(node, 'other')));
    const began = performance.now();
    expect((await tenants.operate('PATCH', '/tenants/sus', { status: 'suspended' })).body.status).toBe('suspended');
    for (const client of theirs) expect((await client.closed).code).toBe(4003);
    const took = performance.now() - began;
    await annotate(`${took.toFixed(0)} ms from the request to the last close`);
    for (const client of others) expect((await client.publish('news', 1)).type).toBe('Ack');
    for (const node of tenants.at.nodes) await expect(connect(node.port, { token })).rejects.toThrow();
    await tenants.operate('PATCH', '/tenants/sus', { status: 'active' });
    await annotate(`${(await until(token, '200')).toFixed(0)} ms until both serve it again`);
    for (const node of tenants.at.nodes)
      expect((await (await connect(node.port, { token })).publish('news', 1)).type).toBe('Ack');
  });

  test('W-25: a tenant that is deleted loses its sockets and its keys', async () => {
    await tenants.create('gone');
    const { secret } = await tenants.key('gone');
    expect(await both(secret)).toEqual(['200', '200']);
    const client = await connect(tenants.two.port, { token: await userOf('gone') });
    await tenants.operate('DELETE', '/tenants/gone');
    expect((await client.closed).code).toBe(4003);
    expect(await both(secret)).toEqual(['401 tenant_not_found', '401 tenant_not_found']);
    expect(await both(await userOf('gone'))).toEqual(['401 tenant_not_found', '401 tenant_not_found']);
  });

  test('a node that did not hear of a suspension finds it in the table, and closes its sockets', async () => {
    await tenants.create('deaf');
    const client = await connect(tenants.two.port, { token: await userOf('deaf') });
    const database = new URL(tenants.at.url).pathname.slice(1);
    await tenants.at.postgresql.query(
      "update tenants.tenants set status = 'suspended', changed_at = now() where id = 'deaf'",
      database,
    );
    const beating = setInterval(() => tenants.two.beat(), 100);
    expect((await client.closed).code).toBe(4003);
    clearInterval(beating);
  }, 30_000);

  test('W-26: a key in Authorization, a key in X-API-Key, the claim of a token: each names the tenant', async () => {
    await tenants.create('w26');
    const { secret } = await tenants.key('w26');
    const token = await userOf('w26');
    for (const asked of [
      { token: secret },
      { headers: { 'x-api-key': secret } },
      { token },
      { token, headers: { 'x-api-key': secret } },
    ]) {
      const answer = await ask(tenants.two, 'GET', OWN, asked);
      expect([answer.status, answer.body.tenantId], JSON.stringify(Object.keys(asked))).toEqual([200, 'w26']);
    }
    const socket = await connect(tenants.one.port, { token: secret });
    expect((await socket.publish('news', 1)).type).toBe('Ack');
  });

  test('W-26: a subdomain names the tenant of a page; with a token it has to agree', async () => {
    await tenants.create('sub-a', { subdomain: 'alpha' });
    await tenants.create('sub-b', { subdomain: 'beta' });
    const at = (host: string) => ask(tenants.one, 'GET', '/apps/tenants/at-site', { headers: { host } });
    expect((await at('Alpha.chat.example:8081')).body).toEqual({ tenantId: 'sub-a', name: 'sub-a' });
    expect(said(await at('gamma.chat.example'))).toBe('401 tenant_not_found');
    expect(said(await at('a.alpha.chat.example'))).toBe('401 tenant_not_found');
    expect(said(await at('chat.example'))).toBe('401 tenant_required');
    expect(said(await at('alpha.chat.example.evil.test'))).toBe('401 tenant_required');
    const token = await userOf('sub-a');
    const as = async (host: string) => said(await ask(tenants.one, 'GET', OWN, { token, headers: { host } }));
    expect(await as('alpha.chat.example')).toBe('200');
    expect(await as('beta.chat.example')).toBe('403 tenant_conflict');
    expect(await as('gamma.chat.example')).toBe('401 tenant_not_found');
    expect(await as('elsewhere.test')).toBe('200');
  });

  test('W-26: a connection at the subdomain of another tenant is refused', async () => {
    await tenants.create('ws-a', { subdomain: 'wsa' });
    await tenants.create('ws-b', { subdomain: 'wsb' });
    const token = await userOf('ws-a');
    const open = (host: string) => connect(tenants.one.port, { token, library: 'ws', headers: { host } });
    expect((await (await open('wsa.chat.example')).publish('news', 1)).type).toBe('Ack');
    await expect(open('wsb.chat.example')).rejects.toThrow('403');
  });

  test('W-26: two ways that disagree are 403', async () => {
    for (const id of ['con-a', 'con-b']) await tenants.create(id);
    const [a, b] = [await tenants.key('con-a'), await tenants.key('con-b')];
    const token = await userOf('con-a');
    const refused = async (asked: Parameters<typeof ask>[3]) => said(await ask(tenants.one, 'GET', OWN, asked));
    expect(await refused({ token, headers: { 'x-api-key': b.secret } })).toBe('403 tenant_conflict');
    expect(await refused({ token: a.secret, headers: { 'x-api-key': b.secret } })).toBe('403 tenant_conflict');
    expect(await refused({ token, headers: { 'x-tenant-id': 'con-b' } })).toBe('403 tenant_conflict');
    expect(await refused({ token: a.secret, headers: { 'x-tenant-id': 'con-b' } })).toBe('403 tenant_conflict');
    expect(await refused({ token, headers: { 'x-tenant-id': 'con-a' } })).toBe('200');
    expect(await refused({ token, headers: { 'x-api-key': token } })).toBe('401 tenant_not_found');
    expect(await refused({ token: 'nonsense', headers: { 'x-api-key': a.secret } })).toBe('401 token_invalid');
  });

  test('W-29: a key that is revoked is refused on both nodes within a second, and its sockets are closed; others of the tenant stay', async ({
    annotate,
  }) => {
    await tenants.create('keys');
    const [first, second] = [await tenants.key('keys'), await tenants.key('keys')];
    const socket = await connect(tenants.two.port, { token: first.secret });
    expect(await both(first.secret)).toEqual(['200', '200']);
    const began = performance.now();
    expect((await tenants.operate('DELETE', `/tenants/keys/api-keys/${first.id}`)).status).toBe(200);
    await until(first.secret, '401 tenant_not_found');
    const took = performance.now() - began;
    await annotate(`${took.toFixed(0)} ms from the request until both refuse it`);
    expect(took).toBeLessThan(1_000);
    expect((await socket.closed).code).toBe(4301);
    expect(await both(second.secret)).toEqual(['200', '200']);
  });

  test('W-29: no key that could be used is in the database, in the list or in the audit', async () => {
    await tenants.create('dump');
    const { id, secret } = await tenants.key('dump', { name: 'for the shop', expiresInDays: 1 });
    const database = new URL(tenants.at.url).pathname.slice(1);
    const rows = await tenants.at.postgresql.query(
      `select (select json_agg(k) from tenants.api_keys k)::text || (select json_agg(a) from tenants.audit a)::text as all`,
      database,
    );
    const listed = await tenants.operate('GET', '/tenants/dump/api-keys');
    expect(listed.body.keys).toMatchObject([
      { id, name: 'for the shop', key: `****${secret.slice(-4)}`, revokedAt: null },
    ]);
    for (const text of [JSON.stringify(rows), JSON.stringify(listed.body)]) {
      expect(text).toContain(id);
      expect(text).not.toContain(secret.slice(0, -4));
    }
    const whose = await tenants.operate('POST', '/apps/tenants/of-key', { key: secret });
    expect(whose.body).toEqual({ tenantId: 'dump', id, name: 'for the shop', ended: null });
    expect(said(await tenants.operate('POST', '/apps/tenants/of-key', { key: 'sbk_x' }))).toBe('404 not_found');
  });

  test('W-28, W-24: the limit is exact over both nodes; one that is raised counts at once on both', async ({
    annotate,
  }) => {
    await tenants.create('rate', { rateLimit: 20 });
    const token = await userOf('rate');
    // Not over the end of a minute.
    const left = 60_000 - (Date.now() % 60_000);
    if (left < 10_000) await new Promise((resolve) => setTimeout(resolve, left + 50));
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => ask(tenants.at.nodes[at % 2] as TestServer, 'GET', OWN, { token })),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBe(20);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body.error).toMatchObject({ reason: 'rate_limited', message: 'Rate limit exceeded' });
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    const { minute, used } = (await tenants.operate('GET', '/tenants/rate/usage')).body as {
      minute: string;
      used: number;
    };
    expect(used).toBe(20);
    expect(await tenants.at.redis.redis.get(`ratelimit:rate:${minute}`)).toBe('20');
    expect(await tenants.at.redis.redis.ttl(`ratelimit:rate:${minute}`)).toBeGreaterThan(0);
    expect((await tenants.operate('PATCH', '/tenants/rate', { rateLimit: 200 })).status).toBe(200);
    const took = await until(token, '200');
    await annotate(`${took.toFixed(0)} ms until both nodes pass`);
    expect(took).toBeLessThan(1_000);
  }, 60_000);

  test('W-22: credentials are masked to the last four, and nobody but operators gets as far', async () => {
    await tenants.create('cred');
    const path = '/tenants/cred/credentials/genesys';
    const given = { clientId: 'client-id-of-genesys', clientSecret: 'secret-of-genesys-1234' };
    expect(said(await tenants.operate('GET', path))).toBe('404 not_found');
    expect((await tenants.operate('PUT', path, given)).status).toBe(200);
    expect((await tenants.operate('GET', path)).body).toEqual({
      credentials: { clientId: '****esys', clientSecret: '****1234' },
    });
    await tenants.operate('PUT', '/tenants/cred/credentials/whatsapp', { accessToken: 'EAAG-0123456789' });
    expect((await tenants.operate('GET', '/tenants/cred/whatsapp')).body.credentials).toEqual({
      accessToken: '****6789',
    });
    for (const token of [
      await tokenOf('ada'),
      await tokenOf('shop', { roles: ['service'] }),
      await userOf('cred', 'boss', ['admin', 'service']),
      (await tenants.key('cred', { roles: ['service', 'admin'] })).secret,
    ])
      for (const [method, where] of [
        ['GET', path],
        ['GET', '/tenants/cred'],
        ['PUT', path],
        ['GET', '/tenants'],
      ] as const)
        expect([401, 403], `${method} ${where}`).toContain(
          (await ask(tenants.one, method, where, { token, ...(method === 'PUT' && { body: given }) })).status,
        );
    const database = new URL(tenants.at.url).pathname.slice(1);
    const dump = await tenants.at.postgresql.query(
      'select json_agg(c)::text as all from tenants.credentials c',
      database,
    );
    expect(JSON.stringify(dump)).not.toContain('secret-of-genesys');
    expect((await tenants.operate('DELETE', path)).status).toBe(204);
  });

  test("W-30: the keys of one tenant are cleared, and nobody else's", async () => {
    for (const id of ['cache', 'cache-2']) await tenants.create(id);
    const { redis } = tenants.at.redis;
    for (let at = 0; at < 1_200; at += 1) await redis.set(`tenant:cache:thing:${at}`, 'x');
    await redis.set('tenant:cache-2:oauth:token', 'theirs');
    expect((await tenants.operate('POST', '/apps/tenants/cache/clear', { tenantId: 'cache' })).body).toEqual({
      removed: 1_200,
    });
    expect(await redis.keys('tenant:cache*')).toEqual(['tenant:cache-2:oauth:token']);
    for (const bad of [{}, { tenantId: '*' }, { tenantId: '' }])
      expect(said(await tenants.operate('POST', '/apps/tenants/cache/clear', bad))).toBe('400 invalid_field');
    expect(await both(await userOf('cache'))).toEqual(['200', '200']);
  });

  test('W-44: an impersonation looks for minutes, does nothing, and is written down', async () => {
    await tenants.create('imp');
    const ask2 = { user: 'ada', reason: 'ticket 17' };
    const made = await tenants.operate('POST', '/tenants/imp/impersonations', ask2);
    expect(made.status).toBe(201);
    const { token, expiresAt } = made.body as { token: string; expiresAt: string };
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
    expect(await both(token)).toEqual(['200', '200']);
    await expect(connect(tenants.one.port, { token })).rejects.toThrow();
    expect(said(await ask(tenants.one, 'POST', '/tenants', { token, body: { name: 'x' } }))).toBe('403 not_allowed');
    const bad = [{ ...ask2, minutes: 16 }, { user: 'ada' }, { ...ask2, roles: ['admin'] }];
    for (const body of bad)
      expect(said(await tenants.operate('POST', '/tenants/imp/impersonations', body))).toBe('400 invalid_field');
    const { entries } = (await tenants.operate('GET', '/tenants/imp/audit')).body as { entries: readonly unknown[] };
    expect(entries[0]).toMatchObject({
      action: 'impersonated',
      actor: 'operator',
      details: { user: 'ada', reason: 'ticket 17' },
    });
  });
});
