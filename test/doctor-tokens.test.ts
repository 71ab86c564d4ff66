/** `doctor --token`: each fault of an issuer is made, and named. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHmac, generateKeyPairSync, hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tokensAccepted } from '../src/doctor/checks/tokens/accepted.ts';
import { TOKEN_CHECKS } from '../src/doctor/checks/tokens/all.ts';
import { tokensNode } from '../src/doctor/checks/tokens/node.ts';
import { tokensRights } from '../src/doctor/checks/tokens/rights.ts';
import { tokensTimes } from '../src/doctor/checks/tokens/times.ts';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { faults, findings } from './harness/doctor.ts';
import { signalbox, startProcess } from './harness/process.ts';
import { startServer } from './harness/server.ts';
import { named } from './harness/symptoms.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const CLOSED = { 'topics.subscribe': '', 'topics.publish': '' };
const OPEN = { 'topics.subscribe': 'user', 'topics.publish': 'user' };
/** One that base64, base64url and hexadecimal can all be read from, as generated secrets are. */
const GENERATED = hash('sha256', 'a generated secret', 'hex');

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function signed(key: Uint8Array | string, head: object = { alg: 'HS256' }, claims: object = {}): string {
  const now = Math.floor(Date.now() / 1_000);
  const text = `${encode(head)}.${encode({ sub: 'alice', roles: ['user'], iat: now, exp: now + 3_600, ...claims })}`;
  const { alg = 'HS256' } = head as { alg?: string };
  return `${text}.${createHmac(`sha${alg.slice(2)}`, key)
    .update(text)
    .digest('base64url')}`;
}

describe('a token signed with', () => {
  const cases: readonly (readonly [string, Uint8Array | string, string])[] = [
    ['a line end behind the secret', `${GENERATED}\n`, 'auth.jwt_secret with a line end behind it'],
    ['CR and LF behind it', `${GENERATED}\r\n`, 'with CR and LF'],
    ['the secret decoded from base64', Buffer.from(GENERATED, 'base64'), 'decoded from base64'],
    ['the secret decoded from hexadecimal', Buffer.from(GENERATED, 'hex'), 'decoded from hexadecimal'],
    ['the secret encoded in base64', Buffer.from(GENERATED).toString('base64'), 'auth.jwt_secret in base64'],
    ['quotation marks around it', `"${GENERATED}"`, 'in quotation marks'],
    ['the secret in upper case', GENERATED.toUpperCase(), 'in upper case'],
    ['the SHA-256 of the secret', hash('sha256', GENERATED, 'buffer'), 'as its SHA-256'],
    ['the admin token', ADMIN_TOKEN, 'admin.token'],
    ['a variable that was not set', 'undefined', 'the text "undefined" instead of a secret'],
    ['the secret of an example', 'your-256-bit-secret', 'the text "your-256-bit-secret"'],
  ];
  test.each(cases)('%s', async (_, key, said) => {
    const settings = { ...OPEN, 'auth.jwt_secret': GENERATED, 'admin.token': ADMIN_TOKEN };
    const [fault = '', ...more] = await faults([tokensAccepted], { settings, tokens: [signed(key)] });
    expect(fault).toMatch(/^fail tokens\.accepted the token of alice was signed with /);
    expect(fault).toContain(said);
    expect([more, fault.includes(GENERATED)]).toEqual([[], false]);
  });

  test('a line end behind the secret, as the page of symptoms says it', async () => {
    const values = { TOKEN: signed(`${GENERATED}\n`) };
    await named('token-other-secret', { values, environment: { JWT_SECRET: GENERATED } });
  });

  test('base64url of bytes that base64 would read otherwise', async () => {
    const secret = Buffer.from('f'.repeat(43), 'base64url').toString('base64url').replace(/^../, '-_');
    const tokens = [signed(Buffer.from(secret, 'base64url'))];
    const [fault] = await faults([tokensAccepted], { settings: { 'auth.jwt_secret': secret }, tokens });
    expect(fault).toContain('decoded from base64');
  });

  test('the previous secret is accepted, and its issuer named as late', async () => {
    const settings = { ...OPEN, 'auth.jwt_previous_secret': GENERATED };
    expect(await faults([tokensAccepted], { settings, tokens: [signed(GENERATED)] })).toEqual([
      expect.stringMatching(/^warn .*auth\.jwt_previous_secret: its issuer still has the old secret/),
    ]);
  });

  test('something else altogether: how to compare is said', async () => {
    const [fault] = await faults([tokensAccepted], { tokens: [signed('x'.repeat(40))] });
    expect(fault).toContain('neither auth.jwt_secret (45 bytes), nor what issuers often make of it by mistake');
    expect(fault).toContain('sha256sum');
  });

  test('an algorithm that is not allowed: whether the key is right is said', async () => {
    const tokens = [signed(SECRET, { alg: 'HS512' }), signed(SECRET, { alg: 'RS256' }).slice(0, -2)];
    const found = await faults([tokensAccepted], { tokens });
    expect(found[0]).toContain(
      'token 1 of alice has the algorithm "HS512", and auth.algorithms allows HS256; its signature is good',
    );
    expect(found[1]).toContain('auth.algorithms = ["HS256","RS256"], with auth.public_key or auth.jwks_url');
  });

  test('none, and with the private key of another public key', async () => {
    const [none] = await faults([tokensAccepted], {
      tokens: [`${encode({ alg: 'none' })}.${encode({ sub: 'alice' })}.x`],
    });
    expect(none).toContain('it is not signed');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const settings = { 'auth.public_key': pem, 'auth.algorithms': 'HS256,ES256' };
    const foreign = signed(SECRET, { alg: 'HS256' }).replace(/^[^.]+/, encode({ alg: 'ES256' }));
    expect((await faults([tokensAccepted], { settings, tokens: [foreign] }))[0]).toContain(
      'the private key of auth.public_key',
    );
  });
});

describe('what was pasted for a token', () => {
  test.each([
    ['undefined', 'the text of a variable'],
    ['Bearer a.b.c', 'begins with the word Bearer'],
    ['"a.b.c"', 'quotation marks'],
    ['a.b\n.c', 'white space or a line end'],
    ['a.b…', 'was cut'],
    ['a.b.c.d.e', 'encrypted (JWE'],
    ['a.b', 'has no signature'],
    ['a+b.c/d=.e', 'base64url'],
    ['gho_16C7e42F292c6912E7', 'has no dots'],
    ['a.b.c', 'is not a JWT'],
  ])('%j', async (text, said) => {
    const [fault = ''] = await faults(TOKEN_CHECKS, { tokens: [text] });
    expect(fault).toContain('fail tokens.accepted');
    expect(fault).toContain(said);
  });

  test('nothing, because a variable was not set', async () => {
    await named('token-missing', { values: { TOKEN: 'undefined' }, isHere: true });
  });
});

describe('times', () => {
  const now = Math.floor(Date.now() / 1_000);
  const inTimes = (claims: object): Promise<readonly string[]> =>
    faults([tokensAccepted, tokensTimes], { settings: OPEN, tokens: [signed(SECRET, undefined, claims)] });

  test('exp in milliseconds is good for 57,000 years: named', async () => {
    const [fault] = await inTimes({ exp: (now + 3_600) * 1_000 });
    expect(fault).toMatch(
      /^warn tokens\.times the token of alice has exp in milliseconds \(\d{13}, .*: as seconds it means the year 5\d{4} → .*1,000/,
    );
  });

  test('iat in milliseconds, nbf in milliseconds', async () => {
    expect(await inTimes({ iat: now * 1_000 })).toEqual([
      expect.stringMatching(/^warn .*iat in milliseconds.*beginning of time/),
    ]);
    expect((await inTimes({ nbf: now * 1_000 }))[0]).toMatch(/^fail tokens\.accepted .*nbf in milliseconds/);
  });

  test("an issuer's clock that is ahead, and one that is behind", async () => {
    const ahead = { TOKEN: signed(SECRET, undefined, { iat: now + 600 }) };
    const { line } = await named('clock-skew', { values: ahead, settings: OPEN, isHere: true });
    expect(line).toMatch(/at least (?:5\d\d|600) s ahead/);
    const behind = { TOKEN: signed(SECRET, undefined, { iat: now - 4_000, exp: now - 400 }) };
    const expired = await named('token-expired', { values: behind, settings: OPEN });
    expect(expired.line).toMatch(/ expired 4\d\d s ago: it was issued 4\d{3} s ago .* lives 3600 s/);
    expect(expired.cure).toMatch(/clock is 4\d{3} s behind/);
  });

  test('years, text, and an end before the beginning', async () => {
    expect((await inTimes({ exp: now + 5 * 366 * 86_400 }))[0]).toContain('expires in 5.0 years');
    expect((await inTimes({ exp: String(now + 60) }))[0]).toContain('has exp as string');
    expect((await inTimes({ iat: now, exp: now - 3_600 }))[0]).toContain('expires before it was issued');
  });

  test('none of it is said of a good token', async () => {
    expect(await inTimes({})).toEqual([]);
  });
});

describe('rights', () => {
  const rules = '[{"pattern":"chat.**","subscribe":["user"],"publish":["moderator"]}]';
  const inRights = (settings: Readonly<Record<string, string>>, claims: object): Promise<readonly string[]> =>
    faults([tokensRights], { settings: { ...CLOSED, ...settings }, tokens: [signed(SECRET, undefined, claims)] });

  test('without roles: which rule would let which role', async () => {
    const values = { TOKEN: signed(SECRET, undefined, { roles: [] }) };
    const { line } = await named('token-without-roles', { values, settings: { ...CLOSED, 'topics.rules': rules } });
    expect(line).toContain('may do nothing: chat.** allows subscribe to user, publish to moderator');
  });

  test('roles in a claim that is not read', async () => {
    const values = { TOKEN: signed(SECRET, undefined, { roles: undefined, realm_access: { roles: ['user'] } }) };
    await named('roles-elsewhere', { values, settings: { ...CLOSED, 'topics.rules': rules }, isHere: true });
  });

  test('a start without any rule, and a claim topics that covers nothing', async () => {
    expect((await inRights({}, {}))[0]).toContain('no rule of [topics] lets anybody do anything');
    const topics = { subscribe: ['news.**'], publish: [] };
    expect((await inRights({ 'topics.rules': rules }, { topics }))[0]).toContain('its own claim topics');
  });

  test('a topic of the claim subscribe that the rights do not cover', async () => {
    const values = { TOKEN: signed(SECRET, undefined, { subscribe: ['chat.lobby', 'staff.room'] }) };
    const settings = { ...CLOSED, 'topics.rules': rules };
    const { line } = await named('topic-without-right', { values, settings, isHere: true });
    expect(line).toContain('"staff.room" from the start');
  });
});

describe('the running node', () => {
  test('refuses a token that was revoked: doctor and token --check say so', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN, ...OPEN });
    const token = await tokenOf('alice', { claims: { jti: 't-1' } });
    const given = { settings: OPEN, node: server.url, tokens: [token] };
    expect(await faults(TOKEN_CHECKS, given)).toEqual([]);
    await new Admin(server.port).post('/admin/tokens/revoke', { jti: 't-1' });
    expect(await faults(TOKEN_CHECKS, given)).toEqual([
      expect.stringMatching(
        /^fail tokens\.node test-node refuses the token of alice: the token was revoked → .*emergency status/,
      ),
    ]);
    await named('token-revoked', { node: server.url, values: { TOKEN: token }, settings: OPEN });
    const { code, out } = await signalbox(['token', '--check', token, '--url', server.url], {
      JWT_SECRET: SECRET,
      ADMIN_TOKEN,
    });
    expect(code).toBe(1);
    expect(out).toMatch(/^accepted +signed with auth\.jwt_secret$/m);
    expect(out).toMatch(/^node +test-node refuses the token of alice: the token was revoked$/m);
  });

  test('goes on with the secret of its start after the file was rotated: doctor and token --check say so', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-secret-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'jwt-secret');
    writeFileSync(file, `${SECRET}\n`);
    const environment = { JWT_SECRET: '', JWT_SECRET_FILE: file, ADMIN_TOKEN };
    const { JWT_SECRET: _, ...rest } = environment;
    const server = await startProcess([], environment);
    writeFileSync(file, `${GENERATED}\n`);
    const url = `http://127.0.0.1:${server.port}`;
    const renewed = await tokenOf('alice', { secret: GENERATED });
    const given = {
      settings: { ...OPEN, 'auth.jwt_secret': GENERATED },
      node: url,
      tokens: [renewed, await tokenOf('bob')],
    };
    expect(await faults([tokensNode], given)).toEqual([
      expect.stringMatching(
        /^fail tokens\.node test-node refuses token 1 of alice, which is accepted here: it runs with another secret .* → restart the nodes/,
      ),
      expect.stringMatching(/^fail tokens\.node test-node accepts token 2 of bob, which is refused here/),
    ]);
    const { code, out } = await signalbox(['token', '--check', renewed, '--url', url], rest);
    expect(code).toBe(1);
    expect(out).toContain(
      'it runs with another secret than this configuration has, so the secret was changed after its start',
    );
  });

  test('that is none, or refuses the admin token', async () => {
    const given = { settings: OPEN, tokens: [await tokenOf('alice')] };
    const dead = await findings([tokensNode], { ...given, node: 'http://127.0.0.1:9' });
    expect(dead).toMatchObject([{ level: 'fail', says: expect.stringContaining('the node was not asked') as string }]);
    const server = await startServer({ 'admin.token': 'another admin token of 32 bytes and more' });
    expect((await faults([tokensNode], { ...given, node: server.url }))[0]).toContain(
      'it refuses the admin token (401)',
    );
  });
});
