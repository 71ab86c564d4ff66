/** Nodes with the bridge as processes of their own, on ports that they keep, so that each can be killed and come back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putCredentials } from '../../src/apps/tenants/credentials.ts';
import { insertTenant } from '../../src/apps/tenants/records.ts';
import { SealKeys } from '../../src/apps/tenants/sealing.ts';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { openDatabaseOf } from '../../src/database/test-rig.ts';
import type { FakeGraphApi } from '../fakes/graph-api.ts';
import type { FakeOpenMessaging } from '../fakes/open-messaging.ts';
import { SEAL_KEYS, TENANT } from './bridge.ts';
import { endings } from './end-of-file.ts';
import { freePort } from './free-port.ts';
import { startProcess, type ServerProcess } from './process.ts';
import { tokenOf } from './tokens.ts';

const folders = new Set<string>();
endings.add(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
});

export interface Places {
  readonly database: string;
  readonly meta: FakeGraphApi;
  readonly desk: FakeOpenMessaging;
  /** More of them, as on the command line. */
  readonly settings: Readonly<Record<string, string>>;
}

export class BridgeProcess {
  readonly port: number;
  private readonly args: readonly string[];
  private process: ServerProcess | null = null;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.args = args;
  }

  static async make(name: string, { database, meta, desk, settings }: Places): Promise<BridgeProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-bridge-'));
    folders.add(folder);
    const port = await freePort();
    const all = {
      'server.node_name': name,
      'server.port': String(port),
      'database.url': database,
      'database.migrate': 'true',
      'logging.level': 'info',
      'rate_limiting.enabled': 'false',
      'apps.media.folder': folder,
      'apps.tenants.seal_keys': SEAL_KEYS,
      'apps.bridge.graph_url': meta.url,
      'apps.bridge.genesys_api_url': desk.url,
      'apps.bridge.genesys_login_url': desk.url,
      ...settings,
    };
    const sections = ['apps.conversations.max_members=1000'];
    const words = [...sections, ...Object.entries(all).map(([key, value]) => `${key}=${value}`)];
    return new BridgeProcess(
      port,
      words.flatMap((word) => ['--set', word]),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Everything that it has printed since its last start. */
  get output(): string {
    return this.process?.output ?? '';
  }

  async start(): Promise<void> {
    this.process = await startProcess(this.args);
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    this.process?.signal('SIGKILL');
    await this.process?.exited;
  }

  async end(): Promise<void> {
    await this.process?.end();
  }

  async get(path: string): Promise<unknown> {
    const token = await tokenOf('backend', { roles: ['service'], claims: { tenant: TENANT } });
    const response = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    return response.json();
  }
}

/** The tenant of {@link BridgeRig}, before any node runs. */
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
