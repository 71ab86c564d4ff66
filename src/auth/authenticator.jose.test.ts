/** Our verification against jose's, token by token: what one accepts the other accepts, with the same claims. */
import { isRefusal } from '../protocol/errors.ts';
import * as fc from 'fast-check';
import { jwtVerify, SignJWT, type JWTVerifyOptions } from 'jose';
import { expect, test } from 'vitest';
import { SECRET, signToken } from '../../test/kit/tokens.ts';
import type { Clock } from '../telemetry/clock.ts';
import { Authenticator } from './authenticator.ts';
import type { Principal } from './principal.ts';
import { secretKey } from './verification-key.ts';

/** A whole second: jose counts in whole seconds, and so do the tokens here. */
const NOW = 1_790_000_000;
const clock: Clock = { now: () => NOW * 1_000, elapsed: () => 0 };
const OTHER = new TextEncoder().encode('another secret that is long enough for anything here');

interface Rules {
  readonly algorithms: readonly string[];
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly leewaySecs: number;
  readonly requireExpiry: boolean;
}

const rules: fc.Arbitrary<Rules> = fc.record({
  algorithms: fc.subarray(['HS256', 'HS384', 'HS512'], { minLength: 1 }),
  issuer: fc.option(fc.constantFrom('us', 'them'), { nil: undefined }),
  audience: fc.option(fc.constantFrom('chat', 'mail'), { nil: undefined }),
  leewaySecs: fc.constantFrom(0, 60),
  requireExpiry: fc.boolean(),
});

async function joseAccepts(token: string, given: Rules): Promise<Record<string, unknown> | null> {
  const options: JWTVerifyOptions = {
    algorithms: [...given.algorithms],
    currentDate: new Date(NOW * 1_000),
    clockTolerance: given.leewaySecs,
    requiredClaims: given.requireExpiry ? ['exp'] : [],
    ...(given.issuer !== undefined && { issuer: given.issuer }),
    ...(given.audience !== undefined && { audience: given.audience }),
  };
  try {
    return (await jwtVerify(token, SECRET, options)).payload;
  } catch {
    return null;
  }
}

function weAccept(token: string, given: Rules): Principal | null {
  const authenticator = new Authenticator({ ...given, keys: [secretKey('k', SECRET)], cacheSize: 1 }, clock);
  const answer = authenticator.check(token);
  return isRefusal(answer) ? null : answer.principal;
}

const seen = { accepted: 0, refused: 0 };

async function agree(token: string, given: Rules): Promise<void> {
  const theirs = await joseAccepts(token, given);
  const ours = weAccept(token, given);
  seen[ours === null ? 'refused' : 'accepted'] += 1;
  expect(ours === null).toBe(theirs === null);
  if (ours === null || theirs === null) return;
  expect(ours.user).toBe(theirs['sub']);
  const { exp } = theirs;
  expect(ours.expiresAt).toBe(exp === undefined ? Infinity : Number(exp) * 1_000);
}

/** What is right, with now and then something that may be wrong. */
function mostly<T>(right: fc.Arbitrary<T>, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 7, arbitrary: right }, { weight: 2, arbitrary: other });
}

const never = fc.constant<unknown>(undefined);
/** Around the edges of now and of the leeway, and what is no time. */
const times = fc.oneof(
  fc.constantFrom<unknown>(...[-61, -60, -59, -1, 0, 1, 59, 60, 61, 3_600].map((offset) => NOW + offset)),
  fc.constantFrom<unknown>(0, -1, String(NOW + 3_600), null, true, [NOW + 3_600], {}),
);
const parties = fc.constantFrom<unknown>('us', 'them', 'chat', 'mail', '', null, 5, ['chat'], ['x', 'mail', 5], [], {});
const claims = fc.record({
  sub: fc.constant('ann'),
  exp: mostly(fc.constantFrom<unknown>(NOW + 61, NOW + 3_600), fc.oneof(never, times)),
  nbf: mostly(never, times),
  iat: mostly(never, times),
  iss: mostly(fc.constant<unknown>('us'), fc.oneof(never, parties)),
  aud: mostly(fc.constantFrom<unknown>('chat', ['mail', 'chat']), fc.oneof(never, parties)),
});
const headers = fc.record({
  alg: mostly(fc.constantFrom('HS256', 'HS384', 'HS512'), fc.constantFrom('none', 'RS256', 'hs256', '')),
  typ: mostly(fc.constant<unknown>('JWT'), fc.constantFrom<unknown>(undefined, 'at+jwt', 5)),
  kid: mostly(never, fc.constantFrom<unknown>('k', '../x', null)),
  jwk: mostly(never, fc.constant<unknown>({ kty: 'oct', k: 'AAAA' })),
  crit: mostly(never, fc.constantFrom<unknown>(['exp'], [], 'exp', null)),
});
const HASHES: Readonly<Record<string, 'sha256' | 'sha384' | 'sha512'>> = { HS384: 'sha384', HS512: 'sha512' };

test("tokens of jose's own are accepted by both or by none", async () => {
  Object.assign(seen, { accepted: 0, refused: 0 });
  const lives = fc.constantFrom(-61, -60, -59, 0, 1, 3_600);
  const algorithms = fc.constantFrom('HS256', 'HS384', 'HS512');
  await fc.assert(
    fc.asyncProperty(rules, algorithms, lives, lives, fc.nat(9), async (given, alg, life, wait, luck) => {
      const token = await new SignJWT({ roles: ['user'] })
        .setProtectedHeader({ alg, typ: 'JWT' })
        .setSubject('ann')
        .setIssuer(luck === 1 ? 'others' : (given.issuer ?? 'us'))
        .setAudience(luck === 2 ? 'others' : (given.audience ?? 'chat'))
        .setIssuedAt(NOW)
        .setNotBefore(NOW - wait)
        .setExpirationTime(NOW + life)
        .sign(luck === 0 ? OTHER : SECRET);
      await agree(token, given);
    }),
    { numRuns: 400 },
  );
  expect(seen.accepted).toBeGreaterThan(10);
  expect(seen.refused).toBeGreaterThan(10);
});

test('tokens with any header and any claims are accepted by both or by none', async () => {
  Object.assign(seen, { accepted: 0, refused: 0 });
  await fc.assert(
    fc.asyncProperty(rules, headers, claims, fc.nat(9), async (given, header, payload, luck) => {
      const hash = luck === 0 ? 'sha512' : (HASHES[header.alg] ?? 'sha256');
      await agree(signToken({ header, claims: payload, hash }), given);
    }),
    { numRuns: 1_500 },
  );
  expect(seen.accepted).toBeGreaterThan(50);
  expect(seen.refused).toBeGreaterThan(50);
});

const lax: Rules = {
  algorithms: ['HS256'],
  issuer: undefined,
  audience: undefined,
  leewaySecs: 60,
  requireExpiry: false,
};
const good = signToken({ claims: { sub: 'ann', exp: NOW + 3_600 } });

test('a token with one character changed is accepted by both or by none', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...alphabet.split('')), async (at, character) => {
      await agree(`${good.slice(0, at)}${character}${good.slice(at + 1)}`, lax);
    }),
    { numRuns: 500 },
  );
});

test('a token with characters taken out or put in is never accepted by us alone', async () => {
  const noise = fc.string({ maxLength: 3, unit: fc.constantFrom(...'AZaz09-_.+/= \n\0é{'.split('')) });
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length), fc.nat(3), noise, async (at, removed, added) => {
      const token = `${good.slice(0, at)}${added}${good.slice(at + removed)}`;
      const ours = weAccept(token, lax);
      if (ours !== null) expect(await joseAccepts(token, lax)).toMatchObject({ sub: ours.user });
    }),
    { numRuns: 1_000 },
  );
});

test('any text is refused by both', async () => {
  const parts = fc.array(fc.base64String({ maxLength: 20 }), { maxLength: 5 }).map((list) => list.join('.'));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), parts), async (text) => {
      expect(weAccept(text, lax)).toBeNull();
      expect(await joseAccepts(text, lax)).toBeNull();
    }),
    { numRuns: 300 },
  );
});
