/** Tokens made to be believed: docs/security.md, "Tokens". */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { base64url, signToken } from '../kit/tokens.ts';
import { Campaign } from '../harness/campaign.ts';
import { handshake, refusalIn } from '../harness/raw.ts';
import { SECRET } from '../harness/tokens.ts';

const secret = new TextEncoder().encode(SECRET);
const campaign = new Campaign();
/** A server that keys could be fetched from; nobody may ever ask it. */
const asked: string[] = [];
const trap = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  response.end('{"keys":[]}');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  await campaign.start();
});
afterAll(() => trap.close());

const now = (): number => Math.floor(Date.now() / 1_000);
const claims = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  sub: 'mallory',
  roles: ['user', 'admin'],
  exp: now() + 3_600,
  ...more,
});
/** Claims as text, for what JSON.stringify would never write. */
const rawClaims = (members: string): string => `{"sub":"mallory","roles":["user"],${members}}`;
const hs256 = (given: Readonly<Record<string, unknown>> | string, header?: Readonly<Record<string, unknown>>): string =>
  signToken({ claims: given, secret, ...(header && { header }) });

async function present(token: string): Promise<{ status: number; reason: string }> {
  campaign.secrets.push(token);
  const answer = await handshake(campaign.port, { Authorization: `Bearer ${token}` });
  return { status: answer.status, reason: answer.status === 101 ? '' : refusalIn(answer).reason };
}

/** Signed with a key of its own kind, so that only the choice of algorithm can refuse it. */
function asymmetric(alg: 'RS256' | 'ES256' | 'EdDSA'): string {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  const input = `${base64url(JSON.stringify({ alg }))}.${base64url(JSON.stringify(claims()))}`;
  const hash = alg === 'EdDSA' ? null : 'sha256';
  const key = alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey;
  return `${input}.${sign(hash, Buffer.from(input), key).toString('base64url')}`;
}

const unsigned = (alg: unknown): string =>
  `${base64url(JSON.stringify({ alg }))}.${base64url(JSON.stringify(claims()))}.`;

test('a good token gets in, so that the others are refused for what they are', async () => {
  expect(await present(hs256(claims()))).toEqual({ status: 101, reason: '' });
});

describe('algorithms', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', '', null, 0, [], ['none'], {}])('alg %j, unsigned', async (alg) => {
    expect(await present(unsigned(alg))).toEqual({ status: 401, reason: 'token_invalid' });
    expect(await present(`${unsigned(alg)}AAAA`)).toEqual({ status: 401, reason: 'token_invalid' });
  });

  test.each(['none', 'RS256', 'ES256', 'EdDSA', 'HS384', 'HS512', 'hs256', 'HS256 ', 'constructor', '__proto__'])(
    'alg %j over a good HS256 signature',
    async (alg) => {
      expect(await present(hs256(claims(), { alg }))).toEqual({ status: 401, reason: 'token_invalid' });
    },
  );

  test.each(['HS384', 'HS512'] as const)('%s rightly signed, but not in auth.algorithms', async (alg) => {
    const token = signToken({ header: { alg }, claims: claims(), secret, hash: alg === 'HS384' ? 'sha384' : 'sha512' });
    expect(await present(token)).toEqual({ status: 401, reason: 'token_invalid' });
  });

  test.each(['RS256', 'ES256', 'EdDSA'] as const)('%s by a key of the attacker', async (alg) => {
    expect(await present(asymmetric(alg))).toEqual({ status: 401, reason: 'token_invalid' });
  });

  test.each([
    [
      'a public key',
      generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ type: 'spki', format: 'pem' }),
    ],
    ['nothing', ''],
    ['a zero byte', '\0'],
  ])('HS256 with %s as the secret', async (_name, other) => {
    const token = signToken({ claims: claims(), secret: Buffer.from(other) });
    expect(await present(token)).toEqual({ status: 401, reason: 'token_invalid' });
  });
});

test('kid, jku, x5u, jwk and x5c: nothing is fetched, opened or believed, with a good signature or a bad one', async () => {
  const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/keys`;
  const attackers = Buffer.from('the secret of an attacker, 32 bytes at least');
  const headers = [
    { kid: '../../../../dev/null' },
    { kid: "' OR 1=1 --" },
    { kid: '/proc/self/environ' },
    { kid: '__proto__' },
    { kid: url },
    { kid: { $gt: '' } },
    { jku: url },
    { x5u: url },
    { jwk: { kty: 'oct', k: base64url(attackers) } },
    { x5c: [base64url(attackers)] },
    { jku: url, x5u: url, kid: url, jwk: { kty: 'oct', k: base64url(attackers) } },
  ];
  for (const header of headers) {
    const full = { alg: 'HS256', ...header };
    const forged = createHmac('sha256', attackers);
    const input = `${base64url(JSON.stringify(full))}.${base64url(JSON.stringify(claims()))}`;
    expect(await present(`${input}.${forged.update(input).digest('base64url')}`)).toMatchObject({ status: 401 });
    // Empty secret, as a key "found" in /dev/null would be.
    expect(await present(signToken({ header: full, claims: claims(), secret: new Uint8Array() }))).toMatchObject({
      status: 401,
    });
  }
  expect(await present(hs256(claims(), { alg: 'HS256', crit: ['exp'] }))).toMatchObject({ status: 401 });
  expect(asked).toEqual([]);
});

describe('claims', () => {
  const invalid = ['1e999', '-1e999', '"9999999999"', '"1e999"', 'null', 'true', '[9999999999]', '{}', '""'];
  test.each(invalid)('exp %s is refused', async (value) => {
    expect(await present(hs256(rawClaims(`"exp":${value}`)))).toEqual({ status: 401, reason: 'token_invalid' });
  });

  test.each(['-1', '0', '-1e300', '1', '1e-300'])('exp %s has passed', async (value) => {
    expect(await present(hs256(rawClaims(`"exp":${value}`)))).toEqual({ status: 401, reason: 'token_expired' });
  });

  test('no exp, a future nbf, times that are none', async () => {
    const exp = now() + 3_600;
    const refused = [
      '"iat":1',
      `"exp":${exp},"nbf":${now() + 120}`,
      `"exp":${exp},"nbf":1e999`,
      `"exp":${exp},"nbf":"0"`,
      `"exp":${exp},"iat":"now"`,
      `"exp":${exp},"sub":7`,
      `"exp":${exp},"sub":""`,
      `"exp":${exp},"sub":["admin"]`,
      `"exp":${exp},"sub":"${'x'.repeat(129)}"`,
      `"exp":${exp},"roles":"admin"`,
      `"exp":${exp},"roles":[["admin"]]`,
      `"exp":${exp},"tenant":"a/b"`,
      `"exp":${exp},"tenant":"../x"`,
      `"exp":${exp},"topics":["**"]`,
      `"exp":${exp},"topics":{"subscribe":["*.**"]}`,
      `"exp":${exp},"topics":{"subscribe":["a{b}"]}`,
    ];
    for (const members of refused)
      expect([members, await present(hs256(rawClaims(members)))]).toEqual([
        members,
        { status: 401, reason: 'token_invalid' },
      ]);
    // Within the leeway of 60 s.
    expect((await present(hs256(rawClaims(`"exp":${exp},"nbf":${now() + 30}`)))).status).toBe(101);
  });

  test('of duplicate claims the last counts, as in JSON.parse, for the check and for what is granted alike', async () => {
    const [past, future] = [now() - 1_000, now() + 1_000];
    expect((await present(hs256(rawClaims(`"exp":${future},"exp":${past}`)))).reason).toBe('token_expired');
    expect((await present(hs256(rawClaims(`"exp":${past},"exp":${future}`)))).status).toBe(101);
  });

  test('__proto__ and constructor among the claims give nothing', async () => {
    const exp = now() + 3_600;
    expect(await present(hs256(`{"__proto__":{"sub":"root"},"exp":${exp}}`))).toMatchObject({ status: 401 });
    expect(await present(hs256(`{"constructor":{"prototype":{"sub":"root"}},"exp":${exp}}`))).toMatchObject({
      status: 401,
    });
    expect((await present(hs256(rawClaims(`"exp":${exp},"__proto__":{"roles":["admin"]}`)))).status).toBe(101);
  });
});

test('texts that are no tokens', async () => {
  const good = hs256(claims());
  const [head = '', body = '', mark = ''] = good.split('.');
  const texts = [
    'a',
    '..',
    '.'.repeat(5_000),
    `${head}.${body}`,
    `${head}.${body}.`,
    `${head}..${mark}`,
    `.${body}.${mark}`,
    `${good}.${mark}`,
    `${head}.${body}.${mark.slice(0, -2)}`,
    `${head}.${body}.${mark}AA`,
    `${head}.${body}.${mark}==`,
    `${head}.${body}.${mark.replaceAll('-', '+').replaceAll('_', '/')}+`,
    `${head}%2E${body}.${mark}`,
    `${base64url('[]')}.${body}.${mark}`,
    `${base64url('"HS256"')}.${body}.${mark}`,
    `${base64url('null')}.${body}.${mark}`,
    `${base64url('['.repeat(3_000))}.${body}.${mark}`,
    hs256('[]'),
    hs256('null'),
    hs256('"mallory"'),
    hs256(`${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`),
    hs256('{"sub":"mallory"'),
    `${base64url(Uint8Array.of(0xff, 0xfe, 0xfd))}.${body}.${mark}`,
  ];
  for (const text of texts) expect([text.slice(0, 80), (await present(text)).status]).toEqual([text.slice(0, 80), 401]);
});

test('huge tokens are refused before they are decoded, and beyond the request head by the library', async () => {
  await campaign.besideWitness(async () => {
    const padded = (length: number): string => hs256(claims({ padding: 'x'.repeat(length) }));
    for (let at = 0; at < 50; at += 1) expect((await present(padded(6_500))).status).toBe(401);
    const answer = await handshake(campaign.port, { Authorization: `Bearer ${padded(40_000)}` });
    expect(answer.status).toBe(431);
  });
});

test('a thousand forgeries beside the witness', async () => {
  await campaign.besideWitness(async () => {
    for (let round = 0; round < 20; round += 1) {
      const batch = Array.from({ length: 50 }, (_, at) =>
        present(signToken({ claims: claims({ jti: `${round}-${at}` }), secret: Buffer.from('wrong') })),
      );
      for (const { status } of await Promise.all(batch)) expect(status).toBe(401);
    }
  });
});

test('afterwards', async () => {
  expect(asked).toEqual([]);
  await campaign.expectUnharmed();
});
