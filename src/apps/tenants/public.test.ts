/** What other applications may ask, on a node's worth of parts. */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApplicationDatabase } from '../../database/database.ts';
import { silentLog } from '../../telemetry/log.ts';
import { systemClock as clock } from '../../telemetry/system-clock.ts';
import { putCredentials } from './credentials.ts';
import { offeredBy, type Credentials, type HandleKind, type Spent, type Tenant, type Tenants } from './public.ts';
import type { Ports } from './ports.ts';
import { insertTenant } from './records.ts';
import { RefusedLines } from './refused-lines.ts';
import { SealKeys } from './sealing.ts';
import { settings } from './settings.ts';
import { MemoryMinuteCounter, Spending } from './spending.ts';
import { DATABASES, newTenant, TestNodes } from './test-rig.ts';

const reached = { connections: 0, missed: [] };

function hostOf(): Ports['host'] {
  return {
    clock,
    log: silentLog,
    revokeToken: async () => reached,
    disconnectTenant: async () => reached,
    tokenIssuer: () => () => 'token',
  };
}

const keys = new SealKeys(`k1:${randomBytes(32).toString('base64')}`);

describe.each(DATABASES.slice(0, 1))('on %s', (_name, _isThere, open) => {
  let database: ApplicationDatabase;
  let offered: Tenants;
  beforeAll(async () => {
    database = await open();
    const registry = new TestNodes().registry(database);
    offered = offeredBy({
      host: hostOf(),
      database,
      settings: settings(z).parse({}),
      registry,
      spending: new Spending(new MemoryMinuteCounter()),
      keys,
      clearShared: async () => 0,
      refusedLines: new RefusedLines(silentLog, clock),
    });
  });

  test('a tenant is found by its id, its number and its integration, and nobody by those of others', async () => {
    const wanted = newTenant({ phoneNumberIds: ['phone'], integrationIds: ['integration'] });
    await insertTenant(database, wanted, 0);
    const found: (Tenant | null)[] = [
      await offered.get(wanted.id),
      await offered.byWhatsAppNumber('phone'),
      await offered.byIntegration('integration'),
    ];
    expect(found.map((tenant) => tenant?.id)).toEqual([wanted.id, wanted.id, wanted.id]);
    expect([
      await offered.get(''),
      await offered.get('nobody'),
      await offered.byWhatsAppNumber('integration'),
      await offered.byIntegration('phone'),
    ]).toEqual([null, null, null, null]);
  });

  test('credentials come opened, of each kind', async () => {
    const { id } = newTenant();
    await insertTenant(database, newTenant({ id }), 0);
    const kind: HandleKind = 'genesys';
    const credentials: Credentials = { clientId: 'c', clientSecret: 's' };
    await putCredentials(database, keys, { tenant: id, kind, credentials }, 0);
    expect([await offered.credentials(id, kind), await offered.credentials(id, 'whatsapp')]).toEqual([
      credentials,
      null,
    ]);
  });

  test('a tenant spends up to its limit, and one that there is not has nothing to spend', async () => {
    const { id } = newTenant();
    await insertTenant(database, newTenant({ id, rateLimit: 2 }), 0);
    const spent: Spent[] = [];
    // A minute may end in between: then it has two more.
    for (let times = 0; times < 5; times += 1) spent.push(await offered.spend(id));
    expect(spent.some(({ ok }) => !ok)).toBe(true);
    expect(spent.filter(({ ok }) => ok).length).toBeGreaterThanOrEqual(2);
    expect((await offered.spend('nobody')).ok).toBe(false);
  });
});
