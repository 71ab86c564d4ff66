/** A node with accounts, and what its users do. */
import { app } from '../../src/apps/accounts/app.ts';
import { hashPassword } from '../../src/apps/accounts/password-hash.ts';
import { loadApps } from '../../src/apps/load.ts';
import { startNode } from '../../src/cli/wiring.ts';
import { loadConfig } from '../../src/config/load.ts';
import { within } from './deadline.ts';
import { SETTINGS, TestServer, unexpectedEnd } from './server.ts';
import { tokenOf } from './tokens.ts';

export const PASSWORD = 'correct horse battery staple';

/** As cheap as the settings let it be. */
const CHEAP = { scrypt_log2: 14, scrypt_parallel: 1 };

let hashed: Promise<string> | null = null;

export interface Session {
  readonly user: {
    readonly id: string;
    readonly email: string;
    readonly displayName: string;
    readonly roles: readonly string[];
  };
  readonly token: string;
  readonly refreshToken: string;
  readonly expiresAt: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly error?: { readonly code: number; readonly reason: string };
  };
  readonly headers: Headers;
}

export class AccountsServer {
  readonly server: TestServer;

  constructor(server: TestServer) {
    this.server = server;
  }

  get port(): number {
    return this.server.port;
  }

  /** @param token as Bearer */
  async ask(method: string, path: string, given: { token?: string; body?: unknown } = {}): Promise<Answer> {
    const { token, body } = given;
    const response = await within(
      fetch(`${this.server.url}${path}`, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
      `${method} ${path}`,
    );
    const read = (await response.json()) as Answer['body'];
    return { status: response.status, body: read, headers: response.headers };
  }

  /** As a backend. */
  async serve(method: string, path: string, body?: unknown, tenant?: string): Promise<Answer> {
    const token = await tokenOf('operator', {
      roles: ['service'],
      ...(tenant !== undefined && { claims: { tenant } }),
    });
    return this.ask(method, `/apps/accounts${path}`, { token, ...(body !== undefined && { body }) });
  }

  /** Makes an account. @returns its id */
  async add(name: string, more: Readonly<Record<string, unknown>> = {}, tenant?: string): Promise<string> {
    // One hash for all: each would take as long as a login.
    hashed ??= hashPassword(PASSWORD, { log2: CHEAP.scrypt_log2, parallel: CHEAP.scrypt_parallel });
    const user = { email: `${name}@example.com`, displayName: name, passwordHash: await hashed, ...more };
    const answer = await this.serve('POST', '/users', user, tenant);
    if (answer.status !== 200) throw new Error(`expected an account for ${name}, got ${JSON.stringify(answer.body)}`);
    return (answer.body['user'] as { id: string }).id;
  }

  async login(name: string, password = PASSWORD): Promise<Session> {
    const answer = await this.tryLogin(name, password);
    if (answer.status !== 200) throw new Error(`expected ${name} to log in, got ${JSON.stringify(answer.body)}`);
    return answer.body as unknown as Session;
  }

  tryLogin(name: string, password = PASSWORD): Promise<Answer> {
    return this.ask('POST', '/auth/login', { body: { email: `${name}@example.com`, password } });
  }
}

/**
 * One for all tests of a file, which stops it.
 * @param settings `section.key` → text, as on the command line; @param section of `[apps.accounts]`
 */
export async function openAccounts(
  settings: Readonly<Record<string, string>>,
  section: Readonly<Record<string, unknown>> = {},
): Promise<AccountsServer> {
  const flags = new Map(Object.entries({ ...SETTINGS, 'database.migrate': 'true', ...settings }));
  const values = { apps: { accounts: { ...CHEAP, ...section } } };
  const loaded = loadConfig({ files: [], environment: {}, flags, values });
  const { config, apps } = await loadApps(loaded, {}, [app]);
  return new AccountsServer(new TestServer(await startNode({ config, apps, onEnd: unexpectedEnd })));
}
