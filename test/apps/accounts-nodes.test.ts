/** Accounts of two nodes on PostgreSQL and Redis: what ends on one node ends on both, and logins are counted together. */
import { createHook } from 'node:async_hooks';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hashPassword } from '../../src/apps/accounts/password-hash.ts';
import { tidy } from '../../src/apps/accounts/upkeep.ts';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { openDatabaseOf } from '../../src/database/test-rig.ts';
import { openAccounts, PASSWORD, type AccountsServer } from '../harness/accounts.ts';
import { connect, type Connection } from '../harness/client.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startRedis } from '../harness/redis-server.ts';

describe.skipIf(POSTGRESQL === null)('two nodes with accounts', () => {
  let postgresql: PostgresqlServer;
  let database: string;
  let one: AccountsServer;
  let two: AccountsServer;

  beforeAll(async () => {
    const [sql, redis] = await Promise.all([startPostgresql(), startRedis()]);
    postgresql = sql;
    const url = await postgresql.database();
    database = new URL(url).pathname.slice(1);
    const settings = { 'database.url': url, 'redis.url': redis.url, 'redis.prefix': 'accounts' };
    // One after the other: the first one migrates.
    const open = (name: string): Promise<AccountsServer> =>
      openAccounts(
        { ...settings, 'server.node_name': name },
        { attempts_per_account: 3, attempts_per_address: 1_000, refresh_grace_secs: 0 },
      );
    one = await open('n1');
    two = await open('n2');
  }, 60_000);
  afterAll(async () => {
    await Promise.all([one, two].map((node) => node.server.stop()));
    postgresql.end();
  });

  const rows = (text: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    postgresql.query(text, database);
  const both = (token: string): Promise<Connection[]> =>
    Promise.all([one, two].map(({ port }) => connect(port, { token })));
  const statuses = (token: string): Promise<number[]> =>
    Promise.all([one, two].map(async (node) => (await node.ask('GET', '/users/me', { token })).status));

  test('A-42: all that a user has is revoked on one node: with the answer REST is 401 on both and the sockets of both are closed, others stay', async ({
    annotate,
  }) => {
    const id = await one.add('ada');
    await one.add('bob');
    const [ada, bob] = [await one.login('ada'), await two.login('bob')];
    const [theirs, others] = [await both(ada.token), await both(bob.token)];
    const started = performance.now();
    // The answer waits until both nodes have confirmed; the frames of the close may come a little later.
    expect((await one.serve('POST', `/users/${id}/revoke`)).status).toBe(200);
    for (const client of theirs) expect((await client.closed).code).toBe(4301);
    await annotate(`${(performance.now() - started).toFixed(0)} ms from the request to the last close`);
    expect(await statuses(ada.token)).toEqual([401, 401]);
    expect(await statuses(bob.token)).toEqual([200, 200]);
    for (const client of others) expect((await client.publish('news', 1)).type).toBe('Ack');
    expect(await rows(`select token_version from accounts.users where id = '${id}'`)).toEqual([{ token_version: '1' }]);
    // Clocks of nodes differ, and a new login is good at once all the same.
    expect(await statuses((await two.login('ada')).token)).toEqual([200, 200]);
  });

  test('D-32: a logout on one node closes the sockets of its session on both; a deactivation all of the user, with 403', async () => {
    await one.add('carol');
    const [session, other] = [await one.login('carol'), await two.login('carol')];
    const [theirs, others] = [await both(session.token), await both(other.token)];
    expect((await two.ask('POST', '/auth/logout', { token: session.token })).status).toBe(200);
    for (const client of theirs) expect((await client.closed).code).toBe(4301);
    expect(await statuses(session.token)).toEqual([401, 401]);
    expect(await statuses(other.token)).toEqual([200, 200]);
    expect((await two.serve('POST', '/users/carol@example.com/deactivate')).status).toBe(200);
    for (const client of others) expect((await client.closed).code).toBe(4301);
    expect(await statuses(other.token)).toEqual([403, 403]);
  });

  test('D-32: a refresh token that was used on one node ends its family on the other one', async () => {
    await one.add('dora');
    const { refreshToken } = await one.login('dora');
    const refresh = (node: AccountsServer, token: string): ReturnType<AccountsServer['ask']> =>
      node.ask('POST', '/auth/refresh', { body: { refreshToken: token } });
    const next = await refresh(one, refreshToken);
    expect(next.status).toBe(200);
    expect((await refresh(two, refreshToken)).status).toBe(401);
    expect((await refresh(one, next.body['refreshToken'] as string)).status).toBe(401);
    const audit = await rows(`select action from accounts.audit order by id desc limit 1`);
    expect(audit).toEqual([{ action: 'refresh_reused' }]);
  });

  test('D-31: a profile that is changed on one node is told to subscribers of the other', async () => {
    const id = await one.add('erin');
    const { token } = await one.login('erin');
    const bob = await connect(two.port, { user: 'bob' });
    await bob.subscribe(`profile.${id}`);
    await one.ask('PUT', '/users/me', { token, body: { displayName: 'Erin' } });
    expect((await bob.take(1))[0]?.data.payload).toMatchObject({ event: 'profile', user: { id, displayName: 'Erin' } });
  });

  test('D-32: logins are throttled by account over both nodes, with 429 and a time, for accounts that there are and others alike', async () => {
    await one.add('frank');
    for (const name of ['frank', 'nobody']) {
      const tries = [one, two, one, two].map((node) => () => node.tryLogin(name, 'a wrong password'));
      const answers: Awaited<ReturnType<(typeof tries)[number]>>[] = [];
      for (const attempt of tries) answers.push(await attempt());
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
      expect(Number(answers.at(-1)?.headers.get('retry-after'))).toBeGreaterThan(600);
      expect(answers.at(-1)?.body.error?.reason).toBe('rate_limited');
    }
    expect((await two.tryLogin('frank')).status).toBe(429);
    const keys = await rows('select key from accounts.attempts');
    expect(keys.some(({ key }) => String(key).includes('frank'))).toBe(false);
    await rows('update accounts.attempts set until = now()');
    await one.login('frank');
  });

  test('a login of nobody hashes as often as one of somebody, and a hash of another cost is made anew by a good login', async () => {
    const old = await hashPassword(PASSWORD, { log2: 14, parallel: 2 });
    const id = await one.add('gina', { passwordHash: old });
    let hashed = 0;
    const hook = createHook({ init: (_id, type) => void (hashed += Number(type === 'SCRYPTREQUEST')) }).enable();
    const counts: number[] = [];
    for (const [name, password] of [
      ['gina', 'wrong password'],
      ['noone', PASSWORD],
      ['gina', PASSWORD],
      ['gina', PASSWORD],
    ] as const) {
      hashed = 0;
      await one.tryLogin(name, password);
      counts.push(hashed);
    }
    hook.disable();
    expect(counts).toEqual([1, 1, 2, 1]);
    const [row] = await rows(`select password from accounts.users where id = '${id}'`);
    expect(row?.['password']).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$/);
  });

  test('the audit says who logged in, failed and was ended, and no table holds a token', async () => {
    const id = await one.add('hana');
    const { token, refreshToken } = await one.login('hana');
    await one.tryLogin('hana', 'a wrong password');
    await one.ask('POST', '/auth/logout', { token });
    const audit = await rows(`select action, actor, address from accounts.audit where user_id = '${id}' order by id`);
    expect(audit).toEqual([
      { action: 'created', actor: 'operator', address: '127.0.0.1' },
      { action: 'login', actor: id, address: '127.0.0.1' },
      { action: 'login_failed', actor: null, address: '127.0.0.1' },
      { action: 'logout', actor: id, address: '127.0.0.1' },
    ]);
    const kept = await rows('select row_to_json(r)::text as text from accounts.refresh_tokens r');
    for (const { text } of kept) for (const secret of [token, refreshToken]) expect(text).not.toContain(secret);
  });

  test('a node that has no Redis to remember it by reads from the tables what was revoked shortly before its start', async () => {
    await one.add('ivan');
    await one.add('judy');
    const [ivan, kept, judy] = [await one.login('ivan'), await one.login('ivan'), await one.login('judy')];
    await one.ask('POST', '/auth/logout', { token: ivan.token });
    await one.serve('POST', '/users/judy@example.com/deactivate');
    const alone = await openAccounts({ 'database.url': postgresql.url(database), 'server.node_name': 'n3' });
    onTestFinished(() => alone.server.stop());
    const asked = [ivan, kept, judy].map(({ token }) => alone.ask('GET', '/auth/verify', { token }));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([401, 200, 403]);
  });

  test('sessions, tokens, attempts and the audit are deleted when their time is over, and accounts stay', async () => {
    await one.login('ivan');
    const { migrations } = readMigrations('accounts', new URL('../../src/apps/accounts/migrations/', import.meta.url));
    const limits = { max: 2, idleMs: 30_000, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000, maxWaiting: 100 };
    const address = parsePostgresqlUrl(postgresql.url(database));
    const driver = new PostgresqlDriver({ address, applicationName: 'test', ...limits });
    const opened = await openDatabaseOf('accounts', driver, migrations);
    onTestFinished(() => opened.link.stop());
    const counts = async (): Promise<unknown> => {
      const [row] = await rows(
        `select (select count(*) > 0 from accounts.sessions where ended_at is null) as open,
           (select count(*) from accounts.sessions) > 0 as sessions, (select count(*) from accounts.refresh_tokens) > 0 as tokens,
           (select count(*) from accounts.attempts) > 0 as attempts, (select count(*) from accounts.audit) > 0 as audit,
           (select count(*) from accounts.users) > 5 as users`,
      );
      return row;
    };
    const tidyIn = async (days: number): Promise<void> => {
      const clock = { now: () => Date.now() + days * 86_400_000, elapsed: () => 0 };
      await tidy({ host: { clock }, database: opened.database, settings: { audit_days: 365 } });
    };
    const all = { open: true, sessions: true, tokens: true, attempts: true, audit: true, users: true };
    expect(await counts()).toEqual(all);
    await tidyIn(2);
    // Sessions that are open may still be refreshed.
    expect(await counts()).toEqual({ ...all, attempts: false });
    expect(await rows('select id from accounts.sessions where ended_at is not null')).toEqual([]);
    await tidyIn(100);
    const none = { ...all, open: false, sessions: false, tokens: false, attempts: false };
    expect(await counts()).toEqual(none);
    await tidyIn(400);
    expect(await counts()).toEqual({ ...none, audit: false });
  });
});
