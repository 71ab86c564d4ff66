import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SECRET, signToken } from '../../test/kit/tokens.ts';
import type { Refusal } from '../protocol/errors.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { Authenticator, digestOf, type AuthenticatorOptions } from './authenticator.ts';
import type { Principal } from './principal.ts';
import { secretKey } from './verification-key.ts';

class Desk {
  readonly clock = new VirtualClock();
  readonly authenticator: Authenticator;

  constructor(options: Partial<AuthenticatorOptions> = {}) {
    const keys = [secretKey('k', SECRET)];
    const rules = { issuer: undefined, audience: undefined, leewaySecs: 60, requireExpiry: true };
    this.authenticator = new Authenticator(
      { keys, algorithms: ['HS256'], cacheSize: 100, ...rules, ...options },
      this.clock,
    );
  }

  /** A token that is valid for so many seconds. */
  token(seconds = 3_600, more: Readonly<Record<string, unknown>> = {}): string {
    return signToken({ claims: { sub: 'ann', exp: this.clock.now() / 1_000 + seconds, ...more } });
  }

  verify(token: string): Principal | Refusal {
    let result: Principal | Refusal | undefined;
    this.authenticator.verify(token, (answer) => {
      expect(result).toBeUndefined();
      result = answer;
    });
    if (result === undefined) throw new Error('expected an answer at once');
    return result;
  }
}

describe('verifying', () => {
  test('answers with who the token speaks for', () => {
    const desk = new Desk();
    expect(desk.verify(desk.token())).toMatchObject({ user: 'ann', expiresAt: desk.clock.now() + 3_600_000 });
  });

  test('answers why not, and an expired token differently from a bad one', () => {
    const desk = new Desk();
    expect(desk.verify('nonsense')).toMatchObject({ reason: 'token_invalid' });
    expect(desk.verify(desk.token(-60))).toMatchObject({ reason: 'token_expired' });
    expect(desk.verify(desk.token(-59))).toMatchObject({ user: 'ann' });
  });

  test('checking says the key and remembers nothing', () => {
    const desk = new Desk();
    const token = desk.token();
    expect(desk.authenticator.check(token)).toMatchObject({ key: 'k', principal: { user: 'ann' } });
    expect(desk.authenticator.cached(digestOf(token))).toBeUndefined();
  });

  test('a token of more than 8 KiB is refused whatever it holds', () => {
    const desk = new Desk();
    const padding = 'x'.repeat(8_192);
    expect(desk.verify(desk.token(3_600, { padding }))).toMatchObject({ reason: 'token_invalid' });
    expect(desk.verify(desk.token(3_600, { padding: padding.slice(0, 5_000) }))).toMatchObject({ user: 'ann' });
    expect(desk.verify('.'.repeat(1_000_000))).toMatchObject({ reason: 'token_invalid' });
  });
});

describe('the cache', () => {
  test('answers the second time without looking again', () => {
    const desk = new Desk();
    const token = desk.token();
    expect(desk.authenticator.cached(digestOf(token))).toBeUndefined();
    const first = desk.verify(token);
    expect(desk.authenticator.cached(digestOf(token))).toBe(first);
    expect(desk.verify(token)).toBe(first);
  });

  test('D-05: holds a token until its expiry plus the leeway, to the millisecond', () => {
    const desk = new Desk();
    const token = desk.token(100);
    const principal = desk.verify(token);
    desk.clock.advance(159_999);
    expect(desk.verify(token)).toBe(principal);
    desk.clock.advance(1);
    expect(desk.authenticator.cached(digestOf(token))).toBeUndefined();
    expect(desk.verify(token)).toMatchObject({ reason: 'token_expired' });
  });

  test('holds a token without expiry for good, where such tokens are allowed', () => {
    const desk = new Desk({ requireExpiry: false });
    const token = signToken({ claims: { sub: 'ann' } });
    const principal = desk.verify(token);
    desk.clock.advance(1e12);
    expect(desk.verify(token)).toBe(principal);
  });

  test('never holds what was refused: it may be good later', () => {
    const desk = new Desk();
    const token = desk.token(3_600, { nbf: desk.clock.now() / 1_000 + 61 });
    expect(desk.verify(token)).toMatchObject({ reason: 'token_invalid' });
    desk.clock.advance(1_000);
    expect(desk.verify(token)).toMatchObject({ user: 'ann' });
  });

  test('D-05: does not take a token for another', () => {
    const desk = new Desk();
    const [ann, bob] = [desk.token(), desk.token(3_600, { sub: 'bob' })];
    desk.verify(ann);
    expect(desk.authenticator.cached(digestOf(bob))).toBeUndefined();
    expect(desk.authenticator.cached(digestOf(`${ann} `))).toBeUndefined();
    expect(desk.verify(bob)).toMatchObject({ user: 'bob' });
  });

  test('is bounded: the token that was used longest ago leaves first', () => {
    const sequences = fc.array(fc.nat(7), { maxLength: 60, size: 'max' });
    const tokens = Array.from({ length: 8 }, (_, at) => new Desk().token(3_600 + at));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), sequences, (cacheSize, list) => {
        const desk = new Desk({ cacheSize });
        let model: { readonly token: string; readonly principal: Principal | Refusal }[] = [];
        const answers = new Set<Principal | Refusal>();
        for (const at of list) {
          const token = tokens[at] ?? '';
          const known = model.find((entry) => entry.token === token);
          const principal = desk.verify(token);
          if (known === undefined) expect(answers.has(principal)).toBe(false);
          else expect(principal).toBe(known.principal);
          answers.add(principal);
          model = [...model.filter((entry) => entry !== known), { token, principal }].slice(-cacheSize);
        }
      }),
      { numRuns: 50 },
    );
  });
});

test('no refusal repeats the token or anything in it', () => {
  const desk = new Desk({ issuer: 'us', audience: 'chat' });
  const mark = 'confidential';
  const bad: readonly Readonly<Record<string, unknown>>[] = [
    { sub: 5, mark },
    { sub: mark.repeat(20) },
    { exp: mark },
    { exp: 1, mark },
    { nbf: mark },
    { iat: mark },
    { iss: mark },
    { iss: 'us', aud: mark },
    { iss: 'us', aud: 'chat', roles: mark },
    { iss: 'us', aud: 'chat', roles: [5, mark] },
    { iss: 'us', aud: 'chat', tenant: `${mark}/${mark}` },
    { iss: 'us', aud: 'chat', jti: mark.repeat(20) },
    { iss: 'us', aud: 'chat', topics: mark },
    { iss: 'us', aud: 'chat', topics: { subscribe: [`*.${mark}`] } },
  ];
  const tokens = [
    ...bad.map((claims) => desk.token(3_600, claims)),
    ...['alg', 'crit', 'typ'].map((name) => signToken({ header: { alg: 'HS256', [name]: mark }, claims: `"${mark}"` })),
    signToken({ header: mark }),
    `${mark}.${mark}.${mark}`,
    mark,
    mark.repeat(800),
    `${desk.token()}.${mark}`,
  ];
  for (const token of tokens) {
    const answer = desk.verify(token);
    expect(answer).toHaveProperty('reason');
    const text = JSON.stringify(answer);
    expect(text).not.toContain(mark);
    for (const part of token.split('.').filter((piece) => piece.length > 3)) expect(text).not.toContain(part);
  }
});

describe('a revocation', () => {
  const revoke = ({ authenticator, clock }: Desk): void =>
    authenticator.revocations.add({ user: 'ann', tenant: '' }, clock.now(), clock.now() + 1e9);
  const ahead = (desk: Desk, seconds: number): string => desk.token(3_600, { iat: desk.clock.now() / 1_000 + seconds });

  test.each([
    ['within the leeway', 30],
    ['by any more', 1e8],
  ])('reaches a token whose iat is ahead %s, remembered or never seen', (_name, seconds) => {
    const desk = new Desk();
    const [seen, unseen] = [ahead(desk, seconds), ahead(desk, seconds + 1)];
    const principal = desk.verify(seen);
    if ('reason' in principal) throw new Error('expected a good token');
    revoke(desk);
    expect(desk.authenticator.problem(principal)).toMatchObject({ reason: 'token_revoked' });
    for (const token of [seen, unseen]) expect(desk.verify(token)).toMatchObject({ reason: 'token_revoked' });
    desk.clock.advance(31_000);
    for (const token of [seen, unseen]) expect(desk.verify(token)).toMatchObject({ reason: 'token_revoked' });
  });

  test('asks nothing of who signs in again at once with an issuer whose clock is right', () => {
    const desk = new Desk();
    desk.verify(ahead(desk, 1));
    revoke(desk);
    desk.clock.advance(10);
    expect(desk.verify(ahead(desk, 0))).toMatchObject({ user: 'ann' });
  });
});

test('nobody is let in before it is known what was revoked, and it is no failure of the token', () => {
  const desk = new Desk();
  const token = desk.token();
  desk.verify(token);
  desk.authenticator.awaitsOrders = true;
  expect(desk.authenticator.cached(digestOf(token))).toBeUndefined();
  expect(desk.verify(token)).toMatchObject({ reason: 'not_admitting', retryAfterMs: 2_000 });
  desk.authenticator.awaitsOrders = false;
  expect(desk.verify(token)).toMatchObject({ user: 'ann' });
});
