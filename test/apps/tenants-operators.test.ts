/** What operators see of tenants on one node: doctor's rows, and the verbs. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/tenants/app.ts';
import { verbs } from '../../src/apps/tenants/verbs.ts';
import type { Shell } from '../../src/apps/verb.ts';
import type { Settings } from '../../src/apps/tenants/settings.ts';
import { APP_CHECKS } from '../../src/doctor/checks/apps/all.ts';
import { LIMIT_CHECKS } from '../../src/doctor/checks/limits/all.ts';
import { examine } from '../../src/doctor/examine.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { eventually } from '../harness/deadline.ts';
import { patient } from '../harness/patient.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { ask, said, userOf } from '../harness/tenants.ts';
import { tokenOf } from '../harness/tokens.ts';

const KEY = `k1:${randomBytes(32).toString('base64')}`;
const OTHER = `k2:${randomBytes(32).toString('base64')}`;

describe.skipIf(POSTGRESQL === null)('operators of tenants', () => {
  let postgresql: PostgresqlServer;
  let url: string;
  let server: TestServer;
  const open = (seal: string): Promise<TestServer> =>
    openServer(
      {
        'admin.token': ADMIN_TOKEN,
        'database.url': url,
        'database.migrate': 'true',
        'rate_limiting.enabled': 'false',
        'apps.tenants.seal_keys': seal,
      },
      [app],
    );
  beforeAll(async () => {
    postgresql = await startPostgresql();
    url = await postgresql.database();
    server = await open(KEY);
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    postgresql.end();
  });

  /** @returns the exit code and the lines of a verb */
  async function run(name: string, words: readonly string[], input = ''): Promise<{ code: number; lines: string[] }> {
    const lines: string[] = [];
    const token = await tokenOf('operator', { roles: ['service', 'admin'] });
    const shell = {
      words,
      print: (line: string) => void lines.push(line),
      input: async () => input,
      request: (method: string, path: string, body?: unknown) =>
        ask(server, method, path, { token, ...(body !== undefined && { body }) }),
    } as Pick<Shell<Settings>, 'words' | 'print' | 'input' | 'request'> as Shell<Settings>;
    const verb = verbs.find((it) => it.name === name);
    const code = (await verb?.run(shell)) ?? -1;
    return { code, lines };
  }

  async function doctor(): Promise<readonly string[]> {
    const { findings } = await examine(
      [...LIMIT_CHECKS, ...APP_CHECKS],
      await patient({ url: server.url }),
      systemScheduler,
    );
    return findings.map(({ level, says, cure }) => `${level} ${says} ${cure ?? ''}`);
  }

  test('every verb does what it says, and says what is missing', async () => {
    expect(await run('create', ['acme'])).toEqual({ code: 1, lines: ['expected create <id> <name>'] });
    expect(await run('create', ['acme', 'Acme', 'Inc.'])).toEqual({
      code: 0,
      lines: ['acme  active  standard  600/min  Acme Inc.'],
    });
    expect((await run('create', ['acme', 'x'])).code).toBe(1);
    expect(await run('set', ['acme', '{"rateLimit": 700}'])).toMatchObject({
      code: 0,
      lines: [expect.stringContaining('700/min')],
    });
    expect((await run('set', ['acme', '{'])).lines[0]).toContain('expected JSON');
    expect((await run('list', [])).lines).toEqual(['acme  active  standard  700/min  Acme Inc.']);
    expect(JSON.parse((await run('show', ['acme'])).lines[0] ?? '')).toMatchObject({ tenantId: 'acme' });
    const [secret = ''] = (await run('key-create', ['acme', 'shop'])).lines;
    expect(secret).toMatch(/^sbk_/);
    const [listed = ''] = (await run('keys', ['acme'])).lines;
    const [id = ''] = listed.split('  ');
    expect(listed).not.toContain(secret);
    expect((await run('of-key', [], `${secret}\n`)).lines).toEqual([`acme  ${id}  good  shop`]);
    expect(said(await ask(server, 'GET', '/apps/tenants/own', { token: secret }))).toBe('200');
    expect((await run('usage', ['acme'])).lines[0]).toMatch(/^\d{12} {2}1 of 700$/);
    expect((await run('key-revoke', ['acme', id])).lines[0]).toContain('revoked');
    expect(said(await ask(server, 'GET', '/apps/tenants/own', { token: secret }))).toBe('401 tenant_not_found');
    expect((await run('credentials', ['acme', 'whatsapp'], '{"accessToken": "EAAG-0123456789"}')).lines).toEqual([
      'accessToken  ****6789',
    ]);
    expect((await run('credentials', ['acme', 'whatsapp'])).lines).toEqual(['accessToken  ****6789']);
    expect((await run('reseal', [])).lines).toEqual(['0 sealed anew, 0 could not be opened', 'k1  1']);
    expect((await run('cache-clear', ['acme'])).lines).toEqual(['0 keys removed']);
    expect((await run('cache-clear', [])).code).toBe(1);
    expect((await run('suspend', ['acme'])).lines[0]).toContain('suspended');
    expect((await run('resume', ['acme'])).lines[0]).toContain('active');
    expect((await run('delete', ['acme', 'acne'])).lines[0]).toContain('twice');
    await run('create', ['gone', 'Gone']);
    expect((await run('delete', ['gone', 'gone'])).lines[0]).toContain('deleted');
    expect((await run('audit', ['gone'])).lines.map((line) => line.split('  ')[1])).toEqual(['deleted', 'created']);
  });

  test('doctor names refused tenants and keys, with what helps', async () => {
    await run('create', ['sus', 'Suspended']);
    await run('suspend', ['sus']);
    for (const tenant of ['sus', 'nobody'])
      await ask(server, 'GET', '/apps/tenants/own', { token: await userOf(tenant) });
    await ask(server, 'GET', '/apps/tenants/own', { token: `sbk_${'A'.repeat(43)}` });
    const rows = (await doctor()).join('\n');
    expect(rows).toMatch(/warn .*refused: users of tenants that are suspended .*tenants resume/);
    expect(rows).toMatch(/warn .*refused: users of tenants that there are not .*tenants create/);
    expect(rows).toMatch(/warn .*refused: API keys that are unknown or have ended .*of-key/);
  });

  test('doctor names the key that is missing, and what it is for', async () => {
    await server.stop();
    server = await open(OTHER);
    await eventually(
      async () => (await doctor()).some((row) => row.includes('lacks k1')),
      'the missing key to be noticed',
    );
    expect((await doctor()).join('\n')).toMatch(/warn .*tenants is degraded: .*seal_keys lacks k1 .*reseal/);
    expect((await run('credentials', ['acme', 'whatsapp'])).lines[0]).toContain('409');
    await server.stop();
    server = await open(`${OTHER},${KEY}`);
    expect((await run('reseal', [])).lines).toEqual(['1 sealed anew, 0 could not be opened', 'k2  1']);
  }, 60_000);
});
