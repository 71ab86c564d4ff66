/** Nodes with tenants, one PostgreSQL and one Redis, and what operators and tenants ask of them. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { app } from '../../src/apps/tenants/app.ts';
import { openAppNodes, type AppNodes } from './app-nodes.ts';
import { within } from './deadline.ts';
import type { TestServer } from './server.ts';
import { tokenOf } from './tokens.ts';

export interface Asked {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of all routes
  readonly body: any;
}

const SEAL_KEYS = `k1:${randomBytes(32).toString('base64')}`;

/** @param headers may have a `host` of another place, as a request has that came by its name */
export async function ask(
  { port }: Pick<TestServer, 'port'>,
  method: string,
  path: string,
  { token, headers = {}, body }: Asked = {},
): Promise<Answer> {
  const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
  return within(
    new Promise<Answer>((resolve, reject) => {
      const given = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
      const sent = request({ host: '127.0.0.1', port, method, path, headers: given }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const read = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: readBody(read) });
        });
      });
      sent.on('error', reject);
      sent.end(text ?? undefined);
    }),
    `${method} ${path}`,
  );
}

function readBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export class TenantNodes {
  readonly at: AppNodes;

  constructor(at: AppNodes) {
    this.at = at;
  }

  static async open(settings: Readonly<Record<string, string>> = {}): Promise<TenantNodes> {
    return new TenantNodes(await openAppNodes(app, { 'apps.tenants.seal_keys': SEAL_KEYS, ...settings }));
  }

  get one(): TestServer {
    return this.at.nodes[0];
  }

  get two(): TestServer {
    return this.at.nodes[1];
  }

  /** As an operator, on the first node. */
  async operate(method: string, path: string, body?: unknown): Promise<Answer> {
    const token = await tokenOf('operator', { roles: ['admin'] });
    return ask(this.one, method, path, { token, ...(body !== undefined && { body }) });
  }

  /** Makes a tenant. @returns its id */
  async create(tenantId: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const made = await this.operate('POST', '/tenants', { tenantId, name: tenantId, ...more });
    if (made.status !== 201) throw new Error(`expected a tenant ${tenantId}, got ${JSON.stringify(made.body)}`);
    return tenantId;
  }

  /** Makes an API key. */
  async key(
    tenant: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<{ readonly id: string; readonly secret: string }> {
    const made = await this.operate('POST', `/tenants/${tenant}/api-keys`, { name: 'test', ...more });
    if (made.status !== 201) throw new Error(`expected a key of ${tenant}, got ${JSON.stringify(made.body)}`);
    return made.body as { readonly id: string; readonly secret: string };
  }

  stop(): Promise<void> {
    return this.at.stop();
  }
}

export function userOf(tenant: string, user = 'ada', roles: readonly string[] = ['user']): Promise<string> {
  return tokenOf(user, { roles, claims: { tenant } });
}

/** The reason of a refusal with its status, or the status. */
export function said({ status, body }: Answer): string {
  const error = (body as { readonly error?: { readonly reason?: string } } | null)?.error;
  return error?.reason === undefined ? String(status) : `${status} ${error.reason}`;
}
