/** Tenants in their tables, as nodes remember them, and their credentials, on both databases. */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApplicationDatabase } from '../../database/database.ts';
import {
  masked,
  openCredentials,
  putCredentials,
  removeCredentials,
  resealCredentials,
  sealedBy,
} from './credentials.ts';
import { changeTenant, deleteTenant, findTenant, insertTenant, listTenants } from './records.ts';
import { writeAudit, listAudit } from './audit.ts';
import { SealKeys } from './sealing.ts';
import type { Tables } from './tables.ts';
import { DATABASES, newTenant, TestNodes } from './test-rig.ts';
import { tidy } from './upkeep.ts';

const keyText = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

describe.each(DATABASES)('on %s', (_name, isThere, open) => {
  describe.skipIf(!isThere)('tenants', () => {
    let database: ApplicationDatabase;
    beforeAll(async () => {
      database = await open();
    });

    test('W-23: a tenant is read as it was made, and listed by id', async () => {
      const wanted = newTenant({ phoneNumberIds: ['p2', 'p1'], integrationIds: ['i1'], settings: { region: 'de' } });
      const made = await insertTenant(database, wanted, 1_000);
      expect(made).toMatchObject({
        ...wanted,
        phoneNumberIds: ['p1', 'p2'],
        status: 'active',
        createdAt: '1970-01-01T00:00:01.000Z',
      });
      expect(await findTenant(database, wanted.id)).toEqual(made);
      expect(await listTenants(database, { after: '', limit: 1_000 })).toContainEqual(made);
      expect(await findTenant(database, 'nobody')).toBeNull();
    });

    test('W-23: what one tenant has is refused to another, and nothing of that one is kept', async () => {
      const first = newTenant({ phoneNumberIds: ['taken'], subdomain: 'acme' });
      await insertTenant(database, first, 0);
      expect(await insertTenant(database, { ...newTenant(), id: first.id }, 0)).toBe('id');
      expect(await insertTenant(database, newTenant({ subdomain: 'acme' }), 0)).toBe('subdomain');
      const other = newTenant({ phoneNumberIds: ['mine', 'taken'] });
      expect(await insertTenant(database, other, 0)).toBe('handle');
      expect(await findTenant(database, other.id)).toBeNull();
      // Another kind of name is another thing.
      expect(await insertTenant(database, newTenant({ integrationIds: ['taken'] }), 0)).toMatchObject({
        status: 'active',
      });
    });

    test('W-24: a change leaves what it does not name, and merges settings', async () => {
      const wanted = newTenant({ settings: { a: 1, b: 2 }, phoneNumberIds: ['p-change'] });
      await insertTenant(database, wanted, 0);
      const changed = await changeTenant(database, wanted.id, { rateLimit: 200, settings: { b: null, c: 3 } }, 5_000);
      expect(changed).toMatchObject({
        before: { rateLimit: 100 },
        after: { ...wanted, rateLimit: 200, settings: { a: 1, c: 3 }, changedAt: '1970-01-01T00:00:05.000Z' },
      });
      expect(await changeTenant(database, 'nobody', { rateLimit: 1 }, 0)).toBeNull();
    });

    test('W-23: a deleted tenant stays in the table, and its names are free; it changes no more', async () => {
      const wanted = newTenant({ phoneNumberIds: ['p-gone'], subdomain: 'gone' });
      await insertTenant(database, wanted, 0);
      await putCredentials(
        database,
        new SealKeys(keyText('k1')),
        { tenant: wanted.id, kind: 'whatsapp', credentials: { token: 'x' } },
        0,
      );
      expect(await deleteTenant(database, wanted.id, 1)).toMatchObject({
        after: { status: 'deleted', phoneNumberIds: [], subdomain: null },
        keys: [],
      });
      expect(await findTenant(database, wanted.id)).toMatchObject({ status: 'deleted', name: wanted.name });
      expect(await deleteTenant(database, wanted.id, 2)).toBeNull();
      expect(await changeTenant(database, wanted.id, { status: 'active' }, 2)).toBeNull();
      expect(await openCredentials(database, null, wanted.id, 'whatsapp')).toBeNull();
      expect(
        await insertTenant(database, newTenant({ phoneNumberIds: ['p-gone'], subdomain: 'gone' }), 3),
      ).toMatchObject({ subdomain: 'gone' });
    });

    test('W-24: every node forgets a tenant that was changed; one that did not hear of it when its record is old', async () => {
      const nodes = new TestNodes();
      const [n1, n2] = [nodes.registry(database), nodes.registry(database)];
      const { id } = newTenant();
      const wanted = newTenant({ id, phoneNumberIds: [`p-${id}`] });
      expect(await n2.byName('whatsapp', `p-${id}`)).toBeNull();
      await insertTenant(database, wanted, 0);
      n1.changed(id);
      expect(await n2.byName('whatsapp', `p-${id}`)).toMatchObject({ rateLimit: 100 });
      const told: string[] = [];
      n2.onChange((changed) => told.push(changed));
      await changeTenant(database, id, { rateLimit: 200 }, 0);
      expect(await n2.get(id)).toMatchObject({ rateLimit: 100 });
      n1.changed(id);
      expect(n2.known(id)).toBeUndefined();
      expect(told).toEqual([id]);
      expect(await n2.get(id)).toMatchObject({ rateLimit: 200 });
      nodes.isDeaf = true;
      await changeTenant(database, id, { rateLimit: 300 }, 0);
      n1.changed(id);
      expect([(await n1.get(id))?.rateLimit, (await n2.get(id))?.rateLimit]).toEqual([300, 200]);
      nodes.now += 10_001;
      expect((await n2.get(id))?.rateLimit).toBe(300);
    });

    test('W-22: credentials are sealed in the table, open with their key alone, and are shown by their last four characters', async () => {
      const { id } = newTenant();
      await insertTenant(database, newTenant({ id }), 0);
      const keys = new SealKeys(keyText('k1'));
      const credentials = { accessToken: 'EAAG-secret-of-meta-9876', pin: '123456' };
      await putCredentials(database, keys, { tenant: id, kind: 'whatsapp', credentials }, 0);
      expect(await openCredentials(database, keys, id, 'whatsapp')).toEqual(credentials);
      expect(await openCredentials(database, keys, id, 'genesys')).toBeNull();
      expect(masked(credentials)).toEqual({ accessToken: '****9876', pin: '****' });
      const rows = await database.tables<Tables>().selectFrom('credentials').selectAll().execute();
      expect(JSON.stringify(rows)).not.toMatch(/EAAG|123456|accessToken/);
      await expect(openCredentials(database, null, id, 'whatsapp')).rejects.toThrow(/seal_keys/);
      await expect(openCredentials(database, new SealKeys(keyText('k2')), id, 'whatsapp')).rejects.toThrow(/key k1/);
      await expect(openCredentials(database, new SealKeys(keyText('k1')), id, 'whatsapp')).rejects.toThrow(
        /another one/,
      );
      expect(await removeCredentials(database, id, 'whatsapp')).toBe(true);
      expect(await removeCredentials(database, id, 'whatsapp')).toBe(false);
    });

    test('the audit is read from its newest entry, and loses what is too old', async () => {
      const actor = { user: 'operator', address: '::1' };
      for (const at of [1_000, 2_000, 3_000])
        await writeAudit(database, actor, { tenant: 'audited', action: 'changed', details: { at } }, at);
      await tidy(database, 2_000);
      const entries = await listAudit(database, 'audited', 10);
      expect(entries.map(({ details }) => details)).toEqual([{ at: 3_000 }, { at: 2_000 }]);
      expect((await listAudit(database, 'audited', 1)).length).toBe(1);
    });

    test('a row of credentials that is copied to another tenant does not open', async () => {
      const [one, two] = [newTenant(), newTenant()];
      const keys = new SealKeys(keyText('k1'));
      for (const tenant of [one, two]) await insertTenant(database, tenant, 0);
      await putCredentials(database, keys, { tenant: one.id, kind: 'genesys', credentials: { clientSecret: 'x' } }, 0);
      const tables = database.tables<Tables>();
      await tables.updateTable('credentials').set({ tenant: two.id }).where('tenant', '=', one.id).execute();
      await expect(openCredentials(database, keys, two.id, 'genesys')).rejects.toThrow(/another one/);
    });

    test('a new key seals, the old one opens until everything is sealed anew', async () => {
      const [old, fresh] = [keyText('old'), keyText('fresh')];
      const ids = Array.from({ length: 3 }, () => newTenant().id);
      await database.tables<Tables>().deleteFrom('credentials').execute();
      for (const id of ids) {
        await insertTenant(database, newTenant({ id }), 0);
        const put = { tenant: id, kind: 'whatsapp', credentials: { token: id } } as const;
        await putCredentials(database, new SealKeys(old), put, 0);
      }
      const both = new SealKeys(`${fresh},${old}`);
      expect(await resealCredentials(database, new SealKeys(fresh))).toEqual({ resealed: 0, failed: 3 });
      expect(await sealedBy(database)).toEqual({ old: 3 });
      expect(await resealCredentials(database, both)).toEqual({ resealed: 3, failed: 0 });
      expect(await sealedBy(database)).toEqual({ fresh: 3 });
      expect(await openCredentials(database, new SealKeys(fresh), ids[0] ?? '', 'whatsapp')).toEqual({ token: ids[0] });
    });
  });
});
