/** Nodes with the bridge as processes of their own, on ports that they keep, so that each can be killed and come back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeGraphApi } from '../fakes/graph-api.ts';
import type { FakeOpenMessaging } from '../fakes/open-messaging.ts';
import { SEAL_KEYS, TENANT } from './bridge-tenant.ts';
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
    // An application runs when its section is there, which a file says.
    const file = join(folder, 'signalbox.toml');
    writeFileSync(file, ['conversations', 'media', 'tenants', 'bridge'].map((app) => `[apps.${app}]\n`).join(''));
    const words = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    return new BridgeProcess(port, ['--config', file, ...words]);
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
