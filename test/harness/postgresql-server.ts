/** A real PostgreSQL of the test's own: on a free port, as its own user, ended by its own id at the latest with the test file. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { eventually, within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import { freePort } from './free-port.ts';

const INSTALLED = '/usr/lib/postgresql';

/** Where its programs are, or `null`, which a line says: the tests are skipped. */
export const POSTGRESQL = programs();

const running = new Set<PostgresqlServer>();
endings.add(() => {
  for (const server of running) server.end();
  running.clear();
});

/** Files in PEM. */
export interface Tls {
  readonly key: string;
  readonly certificate: string;
}

export class PostgresqlServer {
  readonly port: number;
  private readonly tls: Tls | null;
  private readonly settings: readonly string[];
  private readonly directory = mkdtempSync(join(tmpdir(), 'signalbox-postgresql-'));
  private child: ChildProcess | null = null;
  private databases = 0;

  constructor(port: number, settings: readonly string[], tls: Tls | null) {
    this.port = port;
    this.tls = tls;
    this.settings = settings;
    running.add(this);
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  url(database = 'postgres'): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Resolves when it answers. Again after {@link stop}: with its data. */
  async start(): Promise<this> {
    const { uid, gid } = owner();
    if (!existsSync(join(this.directory, 'data'))) {
      chownSync(this.directory, uid, gid);
      const words = [
        '-D',
        join(this.directory, 'data'),
        '-U',
        'postgres',
        '-A',
        'trust',
        '-N',
        '-E',
        'UTF8',
        '--locale=C',
      ];
      execFileSync(`${POSTGRESQL}/initdb`, words, { uid, gid, cwd: '/', stdio: 'pipe' });
    }
    const options = [
      'listen_addresses=127.0.0.1',
      'fsync=off',
      `unix_socket_directories=${this.directory}`,
      ...this.settings,
      ...this.tlsSettings(),
    ];
    const words = ['-D', join(this.directory, 'data'), '-p', String(this.port), ...options.flatMap((it) => ['-c', it])];
    const child = spawn(`${POSTGRESQL}/postgres`, words, { uid, gid, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output = `${output}${chunk.toString()}`.slice(-2_000)));
    await within(
      Promise.race([
        eventually(() => this.isAnswering(), 'PostgreSQL to answer'),
        once(child, 'exit').then(() => {
          throw new Error(`PostgreSQL ended: ${output}`);
        }),
      ]),
      `PostgreSQL on port ${this.port}`,
    );
    return this;
  }

  /** @param how `SIGINT` ends its sessions first; `SIGQUIT` is as a crash */
  async stop(how: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const exited = once(child, 'exit');
    child.kill(how);
    await within(exited, 'PostgreSQL to end');
  }

  /** A new database of the test's own. @returns its URL */
  async database(): Promise<string> {
    this.databases += 1;
    const name = `test_${this.databases}`;
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  /** On a connection of the test's own. */
  async query(text: string, database = 'postgres'): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = new Client({ connectionString: this.url(database) });
    client.on('error', () => {});
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(text);
      return rows;
    } finally {
      await client.end();
    }
  }

  /** Ends every connection but the one that says so. */
  async terminateAll(): Promise<void> {
    await this.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
  }

  end(): void {
    running.delete(this);
    // Its processes end when they notice that the first of them is gone.
    this.child?.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  private tlsSettings(): string[] {
    if (this.tls === null) return [];
    const { uid, gid } = owner();
    const own = (name: string, from: string): string => {
      const file = join(this.directory, name);
      copyFileSync(from, file);
      // It refuses a key that others may read.
      chownSync(file, uid, gid);
      chmodSync(file, 0o600);
      return file;
    };
    return [
      'ssl=on',
      `ssl_key_file=${own('server.key', this.tls.key)}`,
      `ssl_cert_file=${own('server.pem', this.tls.certificate)}`,
    ];
  }

  private async isAnswering(): Promise<boolean> {
    try {
      await this.query('select 1');
      return true;
    } catch {
      return false;
    }
  }
}

/** @param settings more of them, as `name=value` */
export async function startPostgresql(
  settings: readonly string[] = [],
  tls: Tls | null = null,
): Promise<PostgresqlServer> {
  return new PostgresqlServer(await freePort(), settings, tls).start();
}

/** It refuses to run as root: then it runs as the user that its package has made. */
function owner(): { readonly uid: number; readonly gid: number } {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return own;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function programs(): string | null {
  const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).map(Number) : [];
  const newest = versions.filter((version) => version >= 15).sort((a, b) => b - a)[0];
  if (newest !== undefined) return `${INSTALLED}/${newest}/bin`;
  process.stderr.write('PostgreSQL 15 is not installed (make system): tests on it are skipped\n');
  return null;
}
