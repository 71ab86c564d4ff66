/** Nodes with the bridge, a tenant, and both vendors made up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { app as bridge } from '../../src/apps/bridge/app.ts';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { app as media } from '../../src/apps/media/app.ts';
import { app as tenants } from '../../src/apps/tenants/app.ts';
import { putCredentials } from '../../src/apps/tenants/credentials.ts';
import { insertTenant } from '../../src/apps/tenants/records.ts';
import { SealKeys } from '../../src/apps/tenants/sealing.ts';
import type { Database } from '../../src/apps/app.ts';
import type { App, Host } from '../../src/index.ts';
import type { DeadMessage, Queue } from '../../src/queue/queue.ts';
import type { JsonValue } from '../../src/protocol/frames.ts';
import { FakeGraphApi } from '../fakes/graph-api.ts';
import { FakeOpenMessaging } from '../fakes/open-messaging.ts';
import { SEAL_KEYS, TENANT } from './bridge-tenant.ts';
import { eventually, within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import { startPostgresql, type PostgresqlServer } from './postgresql-server.ts';
import { openServer, type TestServer } from './server.ts';
import { tokenOf } from './tokens.ts';

const folders = new Set<string>();
endings.add(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
});

export interface BridgeOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly nodes?: number;
  /** Of the tenant. */
  readonly tenantSettings?: Readonly<Record<string, JsonValue>>;
  readonly rateLimit?: number;
}

export class BridgeRig {
  readonly meta: FakeGraphApi;
  readonly desk: FakeOpenMessaging;
  readonly nodes: TestServer[] = [];
  readonly postgresql: PostgresqlServer;
  readonly url: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Of the tables of tenants. */
  tenantTables: Database | null = null;
  /** What the bridge writes into the log, on all nodes. */
  readonly lines: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  private host: Host | null = null;

  private constructor(
    meta: FakeGraphApi,
    desk: FakeOpenMessaging,
    postgresql: PostgresqlServer,
    url: string,
    settings: Readonly<Record<string, string>>,
  ) {
    this.meta = meta;
    this.desk = desk;
    this.postgresql = postgresql;
    this.url = url;
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-bridge-'));
    folders.add(folder);
    this.settings = {
      'database.url': url,
      'database.migrate': 'true',
      'rate_limiting.enabled': 'false',
      'apps.tenants.seal_keys': SEAL_KEYS,
      'apps.media.folder': folder,
      'apps.bridge.graph_url': meta.url,
      'apps.bridge.genesys_api_url': desk.url,
      'apps.bridge.genesys_login_url': desk.url,
      'apps.bridge.verify_token': 'a word of ours',
      'apps.bridge.agents': 'agent',
      'apps.bridge.retry_ms': '50',
      'apps.bridge.max_retry_ms': '200',
      'apps.bridge.settle_ms': '300',
      ...settings,
    };
  }

  static async open(options: BridgeOptions = {}): Promise<BridgeRig> {
    const [meta, desk, postgresql] = await Promise.all([
      FakeGraphApi.start(),
      FakeOpenMessaging.start(),
      startPostgresql(),
    ]);
    const rig = new BridgeRig(meta, desk, postgresql, await postgresql.database(), options.settings ?? {});
    const count = options.nodes ?? 1;
    for (let node = 1; node <= count; node += 1) await rig.start(`n${node}`);
    await rig.addTenant({ ...options });
    meta.tell(`${rig.node.url}/webhooks/whatsapp`);
    desk.tell(`${(rig.nodes[1] ?? rig.node).url}/webhooks/genesys`);
    return rig;
  }

  get node(): TestServer {
    const [node] = this.nodes;
    if (node === undefined) throw new Error('expected a node');
    return node;
  }

  /** @param own settings of this node alone */
  async start(name: string, own: Readonly<Record<string, string>> = {}): Promise<TestServer> {
    const caught: App = {
      ...(tenants as App),
      start: async (host, given) => {
        this.tenantTables = host.database;
        return (tenants as App).start(host, given);
      },
    };
    const watched: App = {
      ...(bridge as App),
      start: async (host, given) => {
        this.host = host;
        const line =
          (write: Host['log']['info']): Host['log']['info'] =>
          (message, fields = {}) => {
            this.lines.push({ message, fields });
            write(message, fields);
          };
        const { log } = host;
        const heard = {
          isEnabled: log.isEnabled.bind(log),
          trace: line(log.trace.bind(log)),
          debug: line(log.debug.bind(log)),
          info: line(log.info.bind(log)),
          warn: line(log.warn.bind(log)),
          error: line(log.error.bind(log)),
        };
        return (bridge as App).start({ ...host, log: heard }, given);
      },
    };
    const settings = { ...this.settings, 'server.node_name': name, ...own };
    const server = await openServer(settings, [conversations, media, caught, watched]);
    this.nodes.push(server);
    return server;
  }

  async addTenant({
    id = TENANT,
    phoneNumberId = this.meta.phoneNumberId,
    integration = this.desk.integration,
    rateLimit = 1_000_000,
    tenantSettings = {},
    appSecret = this.meta.appSecret,
  }: {
    readonly id?: string;
    readonly phoneNumberId?: string;
    readonly integration?: string;
    readonly rateLimit?: number;
    readonly tenantSettings?: Readonly<Record<string, JsonValue>>;
    readonly appSecret?: string;
  } = {}): Promise<void> {
    const database = this.tenantTables;
    if (database === null) throw new Error('expected a node that runs');
    const now = Date.now();
    await insertTenant(
      database,
      {
        id,
        name: id,
        plan: 'standard',
        rateLimit,
        phoneNumberIds: [phoneNumberId],
        integrationIds: [integration],
        subdomain: null,
        settings: tenantSettings,
      },
      now,
    );
    const keys = new SealKeys(SEAL_KEYS);
    const { meta, desk } = this;
    const put = (kind: 'whatsapp' | 'genesys', credentials: Readonly<Record<string, string>>): Promise<void> =>
      putCredentials(database, keys, { tenant: id, kind, credentials }, now);
    await put('whatsapp', { accessToken: meta.token, appSecret });
    await put('genesys', {
      clientId: desk.clientId,
      clientSecret: desk.clientSecret,
      region: 'mypurecloud.test',
      webhookSecret: desk.webhookSecret,
    });
  }

  /** As an operator does: in force on every node at once. */
  async suspend(id: string, status: 'active' | 'suspended' = 'suspended'): Promise<void> {
    const token = await tokenOf('operator', { roles: ['admin'] });
    const response = await within(
      fetch(`${this.node.url}/tenants/${id}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ status }),
      }),
      `a tenant to be ${status}`,
    );
    if (response.status !== 200) throw new Error(`expected a tenant that changes, got ${response.status}`);
  }

  /** Dead letters of a queue, as operators see them. */
  dead(queue: string): Promise<readonly DeadMessage[]> {
    return this.queueOf(queue).dead(100);
  }

  replay(queue: string): Promise<number> {
    return this.queueOf(queue).replay(null);
  }

  /** Messages that wait, are worked at, or are tried again later. */
  async depth(queue: string): Promise<number> {
    const { ready, unacknowledged, later } = await this.queueOf(queue).depth();
    return ready + unacknowledged + later;
  }

  private queueOf(name: string): Queue {
    if (this.host === null) throw new Error('expected a node that runs');
    return this.host.queue(name);
  }

  /** With a token of the role service, of the tenant unless another is said. */
  async ask(
    path: string,
    {
      tenant = TENANT,
      user = 'backend',
      roles = ['service'],
      headers = {},
    }: {
      readonly tenant?: string;
      readonly user?: string;
      readonly roles?: readonly string[];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const claims = tenant === '' ? {} : { tenant };
    const token = await tokenOf(user, { roles, claims });
    const response = await within(
      fetch(`${this.node.url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } }),
      `GET ${path}`,
    );
    const text = await response.text();
    return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : text };
  }

  /** @returns the newest of a number, as operators see it */
  async traced(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { json } = await this.ask(`/apps/bridge/trace?${query}`);
    return (json as { readonly messages: readonly Readonly<Record<string, unknown>>[] }).messages;
  }

  eventually(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    return eventually(isSo, what);
  }

  async stop(): Promise<void> {
    await Promise.all([this.meta.stop(), this.desk.stop()]);
    await Promise.all(this.nodes.map((node) => node.stop()));
    this.postgresql.end();
  }
}
