/** `signalbox token`: what the guide's jwt-debug.sh did, by the server's own rules. */
import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { signalbox, type Outcome } from './harness/process.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const ENVIRONMENT = { JWT_SECRET: SECRET };
const OPEN = ['--set', 'topics.subscribe=user', '--set', 'topics.publish=user'];

function token(...args: readonly string[]): Promise<Outcome> {
  return signalbox(['token', ...args], ENVIRONMENT);
}

describe.concurrent('made', () => {
  test('with user, roles, topics, tenant and time, and accepted by the check', async () => {
    const args = ['--user', 'alice', '--roles', 'user,admin', '--topics', 'chat.**,news.today', '--tenant', 'acme'];
    const made = await token(...args, '--ttl', '5m');
    expect([made.code, made.err]).toEqual([0, '']);
    const jwt = made.out.trim();
    const { payload } = await jwtVerify(jwt, new TextEncoder().encode(SECRET), { algorithms: ['HS256'] });
    expect(payload).toMatchObject({
      sub: 'alice',
      roles: ['user', 'admin'],
      tenant: 'acme',
      topics: { subscribe: ['chat.**', 'news.today'], publish: ['chat.**', 'news.today'] },
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);

    const { code, out } = await token('--check', jwt, ...OPEN);
    expect(code).toBe(0);
    const lines = new Map(out.split('\n').map((line) => [line.slice(0, 10).trim(), line.slice(11)]));
    expect(JSON.parse(lines.get('header') ?? '')).toEqual(decodeProtectedHeader(jwt));
    expect(JSON.parse(lines.get('claims') ?? '')).toEqual(decodeJwt(jwt));
    expect(lines.get('expiry')).toMatch(/^in (2[5-9]\d|300) s$/);
    expect(lines.get('skew')).toBe('no sign of clocks that differ');
    expect(lines.get('accepted')).toBe('signed with auth.jwt_secret');
    expect(lines.get('user')).toBe('alice of tenant acme, roles: user, admin');
    expect(out).toContain('may        chat.**: subscribe, publish\n');
    expect(out).toContain('may        news.today: subscribe, publish\n');
    expect(out).toContain('may        other topics: nothing (subscribe: token, publish: token);');
    expect(lines.get('secret')).toBe(
      `auth.jwt_secret has SHA-256 ${createHash('sha256').update(SECRET).digest('hex')}`,
    );
    expect(out).not.toContain(SECRET);
  });

  test('with the issuer and audience that the server asks for', async () => {
    const sets = ['--set', 'auth.issuer=us', '--set', 'auth.audience=them'];
    const { out } = await token('--user', 'alice', ...sets);
    expect(decodeJwt(out.trim())).toMatchObject({ iss: 'us', aud: 'them' });
    const other = await token('--check', out.trim(), '--set', 'auth.issuer=others');
    expect(other.code).toBe(1);
    expect(other.out).toContain('rejected   token_invalid: token claim iss: expected auth.issuer');
  });

  test.each([
    { args: [], says: 'expected --user NAME' },
    { args: ['--user', 'alice', '--ttl', 'soon'], says: 'expected --ttl like 30s, 15m, 1h or 7d, got "soon"' },
  ])('not, when the command line is wrong: $args', async ({ args, says }) => {
    const { code, out, err } = await token(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
  });
});

describe.concurrent('checked', () => {
  test.each([
    {
      name: 'expired',
      options: { expiresIn: -3_600 },
      line: /^expiry +36\d\d s ago\n.*\n.*\nrejected +token_expired: /m,
    },
    {
      name: 'signed with another secret',
      options: { secret: 'wrong' },
      line: /^rejected +token_invalid: .*signature/m,
    },
  ])('$name: exit code 1 and the reason', async ({ options, line }) => {
    const jwt = await tokenOf('alice', options);
    const { code, out } = await token('--check', jwt);
    expect(code).toBe(1);
    expect(out).toMatch(line);
    // Two people compare secrets without showing them.
    expect(out).toContain(createHash('sha256').update(SECRET).digest('hex'));
  });

  test('what is no JWT is said to be none', async () => {
    const { code, out } = await token('--check', 'eyJ.not.a.token');
    expect(code).toBe(1);
    expect(out).toMatch(
      /^rejected   this is not a JWT: expected three base64url parts joined by dots\nwhy .*\ncure .*\n$/,
    );
  });

  test('a clock that is ahead shows', async () => {
    const iat = Math.floor(Date.now() / 1_000) + 600;
    const { code, out } = await token('--check', await tokenOf('alice', { claims: { iat } }));
    expect(code).toBe(0);
    expect(out).toMatch(/^skew +the issuer's clock is at least (5[5-9]\d|600) s ahead of this one$/m);
  });

  test('the previous secret still counts while keys are rotated, and is named', async () => {
    const jwt = await tokenOf('alice', { secret: 'the secret of last month, 32 bytes at least' });
    const { code, out } = await signalbox(['token', '--check', jwt], {
      ...ENVIRONMENT,
      SIGNALBOX_AUTH_JWT_PREVIOUS_SECRET: 'the secret of last month, 32 bytes at least',
    });
    expect(code).toBe(0);
    expect(out).toContain('accepted   signed with auth.jwt_previous_secret');
  });

  test('the claim subscribe is listed, with whose no it is where the rights do not cover it', async () => {
    const jwt = await tokenOf('alice', { claims: { subscribe: ['@me', 'chat.lobby', 'staff.room'] } });
    const rules = '[{"pattern":"chat.**","subscribe":["user"]},{"pattern":"staff.**","subscribe":["admin"]}]';
    const { out } = await token('--check', jwt, '--set', `topics.rules=${rules}`);
    expect(out).toContain('subscribed @me, chat.lobby, staff.room (subscribe: role)\n');
    expect(out).toContain('role       the rule lets others do this');
  });

  test('what production leaves closed is nothing, rules by rule', async () => {
    const jwt = await tokenOf('alice');
    const rules = '[{"pattern":"chat.**","subscribe":["user"]},{"pattern":"staff.**","publish":["admin"]}]';
    const { out } = await token('--check', jwt, '--set', `topics.rules=${rules}`);
    expect(out).toContain('may        chat.**: subscribe (publish: no_rule)\n');
    expect(out).toContain('may        staff.**: nothing (subscribe: no_rule, publish: role)\n');
    expect(out).toContain('may        other topics: nothing (subscribe: no_rule, publish: no_rule);');
    expect(out).toContain('direct messages: send and read\n');
    // What the words mean, where they occur.
    expect(out).toContain('no_rule    no rule of [topics] lets anybody do this');
    expect(out).toContain('role       the rule lets others do this');
    expect(out).not.toContain('\ntoken      ');
  });
});
