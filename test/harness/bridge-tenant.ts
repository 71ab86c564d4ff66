/** The tenant of tests of the bridge, for whom both vendors are made up. */
import { putCredentials } from '../../src/apps/tenants/credentials.ts';
import { insertTenant } from '../../src/apps/tenants/records.ts';
import { SealKeys } from '../../src/apps/tenants/sealing.ts';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { openDatabaseOf } from '../../src/database/test-rig.ts';
import type { FakeGraphApi } from '../fakes/graph-api.ts';
import type { FakeOpenMessaging } from '../fakes/open-messaging.ts';

export const SEAL_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
export const TENANT = 'acme';

/** Before any node runs. */
export async function writeTenant(url: string, meta: FakeGraphApi, desk: FakeOpenMessaging): Promise<void> {
  const limits = { max: 2, idleMs: 1_000, connectTimeoutMs: 10_000, statementTimeoutMs: 10_000, maxWaiting: 10 };
  const driver = new PostgresqlDriver({ address: parsePostgresqlUrl(url), applicationName: 'test', ...limits });
  const folder = new URL('../../src/apps/tenants/migrations/', import.meta.url);
  const { database, link } = await openDatabaseOf('tenants', driver, readMigrations('tenants', folder).migrations);
  const tenant = {
    id: TENANT,
    name: TENANT,
    plan: 'standard',
    rateLimit: 1_000_000_000,
    phoneNumberIds: [meta.phoneNumberId],
    integrationIds: [desk.integration],
    subdomain: null,
    settings: {},
  };
  await insertTenant(database, tenant, Date.now());
  const keys = new SealKeys(SEAL_KEYS);
  const whatsapp = { accessToken: meta.token, appSecret: meta.appSecret };
  const genesys = {
    clientId: desk.clientId,
    clientSecret: desk.clientSecret,
    region: 'mypurecloud.test',
    webhookSecret: desk.webhookSecret,
  };
  await putCredentials(database, keys, { tenant: TENANT, kind: 'whatsapp', credentials: whatsapp }, Date.now());
  await putCredentials(database, keys, { tenant: TENANT, kind: 'genesys', credentials: genesys }, Date.now());
  await link.stop();
}
