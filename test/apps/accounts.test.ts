/** Accounts on a node with the database in its process: the routes of the guides, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verbs } from '../../src/apps/accounts/verbs.ts';
import { openAccounts, PASSWORD, type AccountsServer, type Answer } from '../harness/accounts.ts';
import { connect } from '../harness/client.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { signalbox } from '../harness/process.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

let node: AccountsServer;
beforeAll(async () => {
  node = await openAccounts(
    { 'database.folder': await pgliteFolder(), 'rate_limiting.enabled': 'false' },
    { access_secs: 600 },
  );
}, 60_000);
afterAll(() => node.server.stop());

function said({ status, body }: Answer): unknown {
  return [status, body.error?.reason];
}

const refresh = (refreshToken: string): Promise<Answer> =>
  node.ask('POST', '/auth/refresh', { body: { refreshToken } });

describe('login', () => {
  test('D-32: a login gives an access token that the server takes, and the user as the guide has it', async () => {
    const id = await node.add('ada', { roles: ['user', 'admin'] });
    const { user, token, expiresAt } = await node.login('ada');
    expect(user).toMatchObject({ id, email: 'ada@example.com', displayName: 'ada', roles: ['user', 'admin'] });
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    const client = await connect(node.port, { token });
    expect((await client.publish('news', 1)).type).toBe('Ack');
    expect((await node.ask('GET', '/users/me', { token })).body['user']).toEqual(user);
  });

  test('an e-mail address is the same in every way that people write it, and belongs to one account', async () => {
    await node.add('same');
    const body = { email: ' SAME@Example.com ', password: PASSWORD };
    expect((await node.ask('POST', '/auth/login', { body })).status).toBe(200);
    const again = await node.serve('POST', '/users', { email: 'Same@example.COM', password: PASSWORD });
    expect(said(again)).toEqual([409, 'wrong_state']);
  });

  test('a wrong password, an account without a password and no account are told the same', async () => {
    await node.add('wrong');
    await node.add('without', { passwordHash: undefined });
    const answers = [
      await node.tryLogin('wrong', 'another password'),
      await node.tryLogin('without'),
      await node.tryLogin('nobody'),
    ];
    expect(answers.map(said)).toEqual(answers.map(() => [401, 'credentials_invalid']));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  test('what is no login is refused with its field; passwords that are too easy are not taken', async () => {
    expect(said(await node.ask('POST', '/auth/login', { body: { email: 1, password: PASSWORD } }))).toEqual([
      400,
      'invalid_field',
    ]);
    const weak = ['short', 'aaaaaaaaaaaaaa', 'Qwerty12345', 'weak@example.com', 'a'.repeat(300)];
    for (const password of weak)
      expect(said(await node.serve('POST', '/users', { email: 'weak@example.com', password }))).toEqual([
        400,
        'invalid_field',
      ]);
  });
});

describe('tokens', () => {
  test('A-04, L-19: GET /auth/verify says whose a token is and until when; expired, of another key and unsigned are 401 with their reason', async () => {
    const id = await node.add('verified');
    const { token, expiresAt } = await node.login('verified');
    const good = await node.ask('GET', '/auth/verify', { token });
    expect(good.body).toEqual({ valid: true, subject: id, roles: ['user'], expiresAt });
    const [, payload = ''] = token.split('.');
    const { iat, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iat: number; exp: number };
    expect([Math.floor(exp - iat), exp * 1_000]).toEqual([600, Date.parse(expiresAt)]);
    const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`;
    const bad: readonly (readonly [string | undefined, string])[] = [
      [await tokenOf(id, { expiresIn: -3_600 }), 'token_expired'],
      [await tokenOf(id, { secret: 'another secret, which is as long as the one' }), 'token_invalid'],
      [unsigned, 'token_invalid'],
      [undefined, 'token_missing'],
    ];
    for (const [given, reason] of bad)
      expect(said(await node.ask('GET', '/auth/verify', given === undefined ? {} : { token: given }))).toEqual([
        401,
        reason,
      ]);
  });

  test('D-32: a refresh token is good once; when it comes again its family ends, with its sockets, and no other one', async () => {
    await node.add('rotating');
    const [first, other] = [await node.login('rotating'), await node.login('rotating')];
    const second = (await refresh(first.refreshToken)).body as { token: string; refreshToken: string };
    const third = (await refresh(second.refreshToken)).body as { token: string; refreshToken: string };
    const client = await connect(node.port, { token: third.token });
    const elsewhere = await connect(node.port, { token: other.token });
    expect(said(await refresh(first.refreshToken))).toEqual([401, 'token_revoked']);
    expect((await client.closed).code).toBe(4301);
    expect(said(await refresh(third.refreshToken))).toEqual([401, 'token_revoked']);
    for (const { token } of [first, second, third])
      expect(said(await node.ask('GET', '/users/me', { token }))).toEqual([401, 'token_revoked']);
    expect((await elsewhere.publish('news', 1)).type).toBe('Ack');
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  test('a refresh token whose answer was lost may come again at once: the lost answer is then good for nothing', async () => {
    await node.add('losing');
    const { refreshToken } = await node.login('losing');
    const lost = (await refresh(refreshToken)).body as { refreshToken: string };
    const again = (await refresh(refreshToken)).body as { refreshToken: string };
    expect(again.refreshToken).toMatch(/^sbr_/);
    expect(said(await refresh(lost.refreshToken))).toEqual([401, 'token_revoked']);
    expect(said(await refresh(again.refreshToken))).toEqual([401, 'token_revoked']);
  });

  test('of many that send one refresh token at the same time, none breaks the chain: one answer is used, or the family ends', async () => {
    await node.add('many');
    const { refreshToken } = await node.login('many');
    const answers = await Promise.all(Array.from({ length: 5 }, () => refresh(refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const tokens = answers.map(({ body }) => body['refreshToken'] as string);
    expect(new Set(tokens).size).toBe(5);
    const used = await Promise.all(tokens.map((token) => refresh(token)));
    expect(used.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
  });

  test('L-20: POST /api/v1/auth/refresh takes the refresh token as Bearer and answers accessToken; an access token there is 401, a refresh token elsewhere too', async () => {
    await node.add('guide004');
    const { token, refreshToken } = await node.login('guide004');
    expect(said(await node.ask('POST', '/api/v1/auth/refresh', { token }))).toEqual([401, 'token_invalid']);
    expect(said(await refresh(token))).toEqual([401, 'token_invalid']);
    expect(said(await node.ask('POST', '/api/v1/auth/refresh'))).toEqual([401, 'token_missing']);
    expect(said(await node.ask('GET', '/users/me', { token: refreshToken }))).toEqual([401, 'token_invalid']);
    const { status, body } = await node.ask('POST', '/api/v1/auth/refresh', { token: refreshToken });
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual(['accessToken', 'expiresAt', 'refreshToken']);
    expect((await node.ask('GET', '/users/me', { token: body['accessToken'] as string })).status).toBe(200);
  });

  test('D-32: a logout ends its session and closes its sockets; with everywhere=true all of the user, and a new login is good at once', async () => {
    const id = await node.add('leaving');
    const sessions = [await node.login('leaving'), await node.login('leaving'), await node.login('leaving')] as const;
    const clients = await Promise.all(sessions.map(({ token }) => connect(node.port, { token })));
    const [one, two, three] = sessions;
    expect((await node.ask('POST', '/auth/logout', { token: one.token })).body).toEqual({ success: true });
    expect((await clients[0]?.closed)?.code).toBe(4301);
    expect(said(await refresh(one.refreshToken))).toEqual([401, 'token_revoked']);
    expect(said(await node.ask('GET', '/users/me', { token: one.token }))).toEqual([401, 'token_revoked']);
    expect((await clients[1]?.publish('news', 1))?.type).toBe('Ack');

    expect((await node.ask('POST', '/auth/logout?everywhere=true', { token: two.token })).status).toBe(200);
    expect((await clients[1]?.closed)?.code).toBe(4301);
    expect((await clients[2]?.closed)?.code).toBe(4301);
    expect(said(await refresh(three.refreshToken))).toEqual([401, 'token_revoked']);
    const next = await node.login('leaving');
    expect((await node.ask('GET', '/auth/verify', { token: next.token })).body['subject']).toBe(id);
  });

  test('a changed password ends the other sessions, and the old one is no password any more', async () => {
    await node.add('changing');
    const [one, two] = [await node.login('changing'), await node.login('changing')];
    const change = (currentPassword: string, newPassword: string): Promise<Answer> =>
      node.ask('POST', '/auth/password', { token: one.token, body: { currentPassword, newPassword } });
    expect(said(await change('not the password', 'another long password'))).toEqual([403, 'not_allowed']);
    expect(said(await change(PASSWORD, 'short'))).toEqual([400, 'invalid_field']);
    const changed = await change(PASSWORD, 'another long password');
    expect(changed.status).toBe(200);
    expect((await node.ask('GET', '/users/me', { token: changed.body['token'] as string })).status).toBe(200);
    expect(said(await refresh(two.refreshToken))).toEqual([401, 'token_revoked']);
    expect(said(await node.tryLogin('changing'))).toEqual([401, 'credentials_invalid']);
    await node.login('changing', 'another long password');
  });
});

describe('accounts', () => {
  test('L-21: an account that is deactivated gets 403 everywhere and its socket is closed; activated again it logs in', async () => {
    const id = await node.add('closed', { roles: ['admin'] });
    const { token, refreshToken } = await node.login('closed');
    expect((await node.ask('GET', '/api/v1/admin/users/me', { token })).body['user']).toMatchObject({ id });
    const client = await connect(node.port, { token });
    const done = await node.serve('POST', '/users/closed@example.com/deactivate');
    expect(done.body['user']).toMatchObject({ id, isActive: false });
    expect((await client.closed).code).toBe(4301);
    for (const path of ['/users/me', '/auth/verify', '/api/v1/admin/users/me', '/api/topics/news/position'])
      expect(said(await node.ask('GET', path, { token })), path).toEqual([403, 'account_inactive']);
    expect(said(await refresh(refreshToken))).toEqual([403, 'account_inactive']);
    expect(said(await node.tryLogin('closed'))).toEqual([403, 'account_inactive']);
    expect(said(await node.tryLogin('closed', 'another password'))).toEqual([401, 'credentials_invalid']);

    expect((await node.serve('POST', `/users/${id}/activate`)).status).toBe(200);
    const next = await node.login('closed');
    expect((await node.ask('GET', '/users/me', { token: next.token })).status).toBe(200);
    expect((await node.ask('GET', '/users/me', { token })).status).toBe(401);
  });

  test('L-21, L-22: /api/v1/admin/users/me takes the role admin, and asks for a token before it asks for the role', async () => {
    await node.add('common');
    const { token } = await node.login('common');
    expect(said(await node.ask('GET', '/api/v1/admin/users/me', { token }))).toEqual([403, 'not_allowed']);
    for (const path of ['/api/v1/admin/users/me', '/apps/accounts/users'])
      expect(said(await node.ask('GET', path)), path).toEqual([401, 'token_missing']);
    expect(said(await node.ask('GET', '/apps/accounts/users', { token }))).toEqual([403, 'not_allowed']);
  });

  test('D-31: who changes their profile has it, and subscribers of the profile are told; nobody else may write there', async () => {
    const id = await node.add('profiled');
    const { token } = await node.login('profiled');
    const bob = await connect(node.port, { user: 'bob' });
    await bob.subscribe(`profile.${id}`);
    const change = { displayName: 'Ada Lovelace', avatar: 'https://img.example/ada.png', bio: null };
    const { body } = await node.ask('PUT', '/users/me', { token, body: change });
    expect(body['user']).toMatchObject({ id, ...change });
    const [told] = await bob.take(1);
    expect(told?.data.payload).toEqual({ event: 'profile', user: { id, ...change } });
    expect((await node.ask('GET', `/users/${id}`, { token })).body).toEqual({ user: { id, ...change } });
    expect((await bob.publish(`profile.${id}`, 'mine')).data.reason).toBe('not_allowed');
    for (const bad of [{ displayName: ' ' }, { avatar: 'javascript:alert(1)' }, { email: 'x@example.com' }])
      expect(said(await node.ask('PUT', '/users/me', { token, body: bad }))).toEqual([400, 'invalid_field']);
  });

  test('D-31: a search finds words of names in the own tenant, as many as the limit, and shows and searches no e-mail address', async () => {
    for (const name of ['Grace Hopper', 'Grace Kelly', 'Amazing Grace', 'Disgraced', 'Gr%ce'])
      await node.add(name.replaceAll(/\W/g, ''), { displayName: name, passwordHash: undefined });
    await node.add('tenantgrace', { displayName: 'Grace of another', passwordHash: undefined }, 'acme');
    const hidden = await node.add('gone', { displayName: 'Grace Gone', passwordHash: undefined });
    await node.serve('POST', `/users/${hidden}/deactivate`);
    const token = await tokenOf('searcher');
    const search = async (query: string): Promise<{ users: { displayName: string }[]; total: number }> =>
      (await node.ask('GET', `/users/search?${query}`, { token })).body as never;
    const found = await search('q=GRACE');
    expect([found.users.map(({ displayName }) => displayName), found.total]).toEqual([
      ['Amazing Grace', 'Grace Hopper', 'Grace Kelly'],
      3,
    ]);
    expect(Object.keys(found.users[0] ?? {}).toSorted()).toEqual(['avatar', 'bio', 'displayName', 'id']);
    expect(await search('q=grace&limit=2')).toMatchObject({ users: [{}, {}], total: 3 });
    expect((await search(`q=${encodeURIComponent('gr%')}`)).users.map(({ displayName }) => displayName)).toEqual([
      'Gr%ce',
    ]);
    expect(await search('q=example.com')).toEqual({ users: [], total: 0 });
    for (const query of ['q=g', 'limit=3', 'q=grace&limit=51', 'q=grace&email=1'])
      expect(said(await node.ask('GET', `/users/search?${query}`, { token })), query).toEqual([400, 'invalid_field']);
  });

  test('strangers get the same 404 for an account of another tenant and for none', async () => {
    const id = await node.add('other', { passwordHash: undefined }, 'acme');
    const token = await tokenOf('searcher');
    const ask = async (user: string): Promise<unknown> => {
      const { status, body } = await node.ask('GET', `/users/${user}`, { token });
      return [status, body.error];
    };
    expect(await ask(id)).toEqual(await ask('nobody'));
    expect(said(await node.serve('POST', `/users/${id}/deactivate`))).toEqual([404, 'not_found']);
    expect((await node.serve('POST', `/users/${id}/deactivate`, undefined, 'acme')).status).toBe(200);
  });

  test('an import makes the good ones and names the others', async () => {
    const users = [
      { id: 'legacy-7', email: 'legacy@example.com', displayName: 'Legacy' },
      { email: 'legacy@example.com' },
      { email: 'hashed@example.com', passwordHash: '$2b$10$abcdefghijklmnopqrstuv' },
    ];
    const { body } = await node.serve('POST', '/import', { users });
    expect(body).toMatchObject({
      created: 1,
      refused: [{ email: 'legacy@example.com' }, { email: 'hashed@example.com' }],
    });
    const listed = await node.serve('GET', '/users?after=legacy-6&limit=1');
    expect(listed.body).toMatchObject({ users: [{ id: 'legacy-7', roles: ['user'] }], next: 'legacy-7' });
  });
});

describe('verbs', () => {
  /** In this process, against the node. */
  async function run(words: string, input = ''): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
    const [name = '', ...rest] = words.split(' ');
    const lines: string[] = [];
    const token = await tokenOf('operator', { roles: ['service'] });
    const code = await verbs
      .find((verb) => verb.name === name)
      ?.run({
        settings: {} as never,
        words: rest,
        input: async () => input,
        print: (line) => void lines.push(line),
        request: (method, path, body) => node.ask(method, path, { token, ...(body !== undefined && { body }) }),
      });
    return { code: code ?? -1, lines };
  }

  test('an account is added, listed, given a password, deactivated and activated; a wrong word is a line and exit code 1', async () => {
    const added = await run('add zoe@example.com user,editor Zoe Zed', `${PASSWORD}\nmore\n`);
    expect(added.code).toBe(0);
    expect(added.lines[0]).toMatch(/^\S+ {2}zoe@example\.com {2}user,editor {2}active {2}Zoe Zed$/);
    await node.login('zoe');
    expect((await run('password zoe@example.com', 'a second password\n')).code).toBe(0);
    await node.login('zoe', 'a second password');
    expect((await run('deactivate zoe@example.com')).lines[0]).toContain('inactive');
    expect(
      (await run('list')).lines.filter((line) => line.includes('zoe@example.com  user,editor  inactive')),
    ).toHaveLength(1);
    expect((await run('activate zoe@example.com')).code).toBe(0);
    expect(await run('revoke nobody@example.com')).toEqual({
      code: 1,
      lines: ['the server answered 404: expected an account of this tenant'],
    });
    expect(await run('add zoe@example.com')).toMatchObject({ code: 1 });
  });

  test('an import reads lines of JSON, and names those that were not made', async () => {
    const lines = [{ email: 'i1@example.com' }, { email: 'i2@example.com', roles: ['x'] }, { email: 'i1@example.com' }];
    expect(await run('import', lines.map((line) => JSON.stringify(line)).join('\n'))).toEqual({
      code: 1,
      lines: [
        'i1@example.com: expected an e-mail address and an id that no account has yet',
        '2 of 3 accounts were made',
      ],
    });
    expect(await run('import', '{"email"')).toEqual({ code: 1, lines: ['line 1: expected JSON'] });
  });

  test('on the command line the password comes from standard input, and the token is signed with the secret', async () => {
    const args = ['accounts', 'add', 'yan@example.com', '--url', node.server.url];
    const { code, out, err } = await signalbox(
      args,
      { JWT_SECRET: SECRET, SIGNALBOX_APPS_ACCOUNTS_PASSWORD_MIN: '9' },
      `${PASSWORD}\n`,
    );
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('yan@example.com  user  active  yan');
    await node.login('yan');
  });
});
