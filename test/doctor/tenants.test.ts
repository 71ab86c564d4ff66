/** Tenants that there are not, that are suspended, and that ask too much: what doctor says of each. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { POSTGRESQL } from '../harness/postgresql-server.ts';
import { named } from '../harness/symptoms.ts';
import { ask, said, TenantNodes, userOf } from '../harness/tenants.ts';
import { tokenOf } from '../harness/tokens.ts';

const OWN = '/apps/tenants/own';

describe.skipIf(POSTGRESQL === null)('tenants', () => {
  let tenants: TenantNodes;
  beforeAll(async () => {
    tenants = await TenantNodes.open({ 'apps.tenants.required': 'true', 'admin.token': ADMIN_TOKEN });
  }, 60_000);
  afterAll(() => tenants.stop());

  test('a tenant that there is not, and a token that names none', async () => {
    expect(said(await ask(tenants.one, 'GET', OWN, { token: await userOf('acne') }))).toBe('401 tenant_not_found');
    const { cure } = await named('tenant-not-found', { node: tenants.one.url, isHere: true });
    expect(cure).toContain('./signalbox tenants create');
    expect(said(await ask(tenants.one, 'GET', OWN, { token: await tokenOf('ada') }))).toBe('401 tenant_required');
    const required = await named('tenant-required', { node: tenants.one.url, isHere: true });
    expect(required.cure).toContain('claim tenant');
  });

  test('a tenant whose status is not active', async () => {
    await tenants.create('asleep');
    await tenants.operate('PATCH', '/tenants/asleep', { status: 'suspended' });
    expect(said(await ask(tenants.one, 'GET', OWN, { token: await userOf('asleep') }))).toBe('403 tenant_suspended');
    const { cure } = await named('tenant-suspended', { node: tenants.one.url, isHere: true });
    expect(cure).toContain('./signalbox tenants resume');
  });

  test('a tenant that asks more than its rate of a minute', async () => {
    await tenants.create('busy', { rateLimit: 1 });
    const token = await userOf('busy');
    const answers: string[] = [];
    // The minute may end on the way.
    for (let asked = 0; asked < 4; asked += 1) answers.push(said(await ask(tenants.one, 'GET', OWN, { token })));
    expect(answers).toContain('429 rate_limited');
    const { cure } = await named('tenant-rate', { node: tenants.one.url, isHere: true });
    expect(cure).toContain('rateLimit');
  });
});
