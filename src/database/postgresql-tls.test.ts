/** What `sslmode` promises, against a server whose certificate an authority of the test has signed. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../config/postgresql-url.ts';
import { PostgresqlDriver } from './postgresql-driver.ts';

const LIMITS = { max: 1, idleMs: 30_000, connectTimeoutMs: 5_000, statementTimeoutMs: 5_000, maxWaiting: 1 };

describe.skipIf(POSTGRESQL === null)('sslmode', () => {
  let folder: string;
  let encrypted: PostgresqlServer;
  let plain: Server;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-tls-'));
    // The server of PostgreSQL is not the user of the test, and reads its key itself.
    writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost');
    const openssl = (...words: readonly string[]): unknown =>
      execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    for (const authority of ['authority', 'stranger'])
      openssl(
        'req',
        '-x509',
        ...key,
        '-keyout',
        `${authority}.key`,
        '-out',
        `${authority}.pem`,
        '-subj',
        `/CN=${authority}`,
      );
    openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
    const signed = ['-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial', '-extfile', 'names'];
    openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.pem');
    encrypted = await startPostgresql([], { key: join(folder, 'server.key'), certificate: join(folder, 'server.pem') });
    // A client that asks whether it encrypts is told no, as by a PostgreSQL with ssl=off.
    plain = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end('N')));
    await once(plain.listen(0, '127.0.0.1'), 'listening');
  }, 120_000);
  afterAll(() => {
    encrypted?.end();
    plain?.close();
    rmSync(folder, { recursive: true });
  });

  /** @returns whether the connection is encrypted */
  async function connectedTo(port: number, host: string, query: string): Promise<unknown> {
    const address = parsePostgresqlUrl(`postgresql://postgres@${host}:${port}/postgres?${query}`);
    const driver = new PostgresqlDriver({ address, applicationName: 'test', ...LIMITS });
    try {
      const session = await driver.acquire();
      const { rows } = await session.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()', []);
      session.release();
      return rows[0]?.['ssl'];
    } finally {
      await driver.stop();
    }
  }
  const by = (authority: string): string => `sslrootcert=${join(folder, `${authority}.pem`)}`;

  test('disable is not encrypted; require is, with a server of any certificate', async () => {
    expect(await connectedTo(encrypted.port, '127.0.0.1', 'sslmode=disable')).toBe(false);
    expect(await connectedTo(encrypted.port, '127.0.0.1', 'sslmode=require')).toBe(true);
  });

  test('require, verify-ca and verify-full go on with no server that does not encrypt', async () => {
    for (const query of [
      'sslmode=require',
      `sslmode=verify-ca&${by('authority')}`,
      `sslmode=verify-full&${by('authority')}`,
    ])
      await expect(connectedTo((plain.address() as AddressInfo).port, 'localhost', query)).rejects.toThrow(
        'The server does not support SSL connections',
      );
  });

  test('verify-ca asks who has signed, and not for which name', async () => {
    expect(await connectedTo(encrypted.port, '127.0.0.1', `sslmode=verify-ca&${by('authority')}`)).toBe(true);
    await expect(connectedTo(encrypted.port, 'localhost', `sslmode=verify-ca&${by('stranger')}`)).rejects.toThrow(
      /certificate|issuer/,
    );
    await expect(connectedTo(encrypted.port, 'localhost', 'sslmode=verify-ca')).rejects.toThrow(/certificate|issuer/);
  });

  test('verify-full asks for the name too', async () => {
    expect(await connectedTo(encrypted.port, 'localhost', `sslmode=verify-full&${by('authority')}`)).toBe(true);
    await expect(connectedTo(encrypted.port, '127.0.0.1', `sslmode=verify-full&${by('authority')}`)).rejects.toThrow(
      /altnames|IP/,
    );
    await expect(connectedTo(encrypted.port, 'localhost', `sslmode=verify-full&${by('stranger')}`)).rejects.toThrow(
      /certificate|issuer/,
    );
  });
});
