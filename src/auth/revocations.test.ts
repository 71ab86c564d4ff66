import { describe, expect, test } from 'vitest';
import type { Principal } from './principal.ts';
import { Revocations } from './revocations.ts';

const NOW = 1_800_000_000_000;
const LATER = NOW + 3_600_000;

function principal(fields: Partial<Principal> = {}): Principal {
  const base = {
    tenant: '',
    user: 'ann',
    roles: [],
    topics: null,
    tokenId: 't1',
    issuedAt: NOW - 1_000,
    expiresAt: LATER,
  };
  return { ...base, ...fields };
}

function isRevoked(revocations: Revocations, fields: Partial<Principal> = {}, now = NOW + 1): boolean {
  return revocations.problem(principal(fields), now)?.reason === 'token_revoked';
}

describe('a revocation', () => {
  test('of a token id ends this token only', () => {
    const revocations = new Revocations();
    revocations.add({ jti: 't1', tenant: '' }, NOW, LATER);
    expect(isRevoked(revocations)).toBe(true);
    expect(isRevoked(revocations, { tokenId: 't2' })).toBe(false);
    expect(isRevoked(revocations, { tokenId: undefined })).toBe(false);
  });

  test('of a user ends what was issued until now, and not what the user gets by signing in again', () => {
    const revocations = new Revocations();
    revocations.add({ user: 'ann', tenant: '' }, NOW, LATER);
    expect(isRevoked(revocations)).toBe(true);
    expect(isRevoked(revocations, { issuedAt: 0 })).toBe(true);
    expect(isRevoked(revocations, { issuedAt: NOW + 1_000 })).toBe(false);
    expect(isRevoked(revocations, { user: 'bob' })).toBe(false);
    expect(isRevoked(revocations, { tenant: 'other' })).toBe(false);
  });

  test('L-21: of a closed account says so until its time is over; of one that is open again the old tokens are revoked', () => {
    const revocations = new Revocations();
    const reason = (fields: Partial<Principal> = {}, now = NOW + 1): string | undefined =>
      revocations.problem(principal(fields), now)?.reason;
    revocations.add({ tenant: '', issuedBefore: NOW / 1_000 }, NOW, LATER);
    revocations.add({ user: 'ann', tenant: '', isClosed: true }, NOW, LATER);
    expect([reason(), reason({ user: 'bob' }), reason({ issuedAt: NOW + 1 })]).toEqual([
      'account_inactive',
      'token_revoked',
      undefined,
    ]);
    revocations.add({ user: 'ann', tenant: '' }, NOW + 5, LATER);
    expect([reason({}, NOW + 6), reason({ issuedAt: NOW + 6 }, NOW + 6)]).toEqual(['token_revoked', undefined]);
  });

  test('of everything before a time ends tokens of all users and tenants', () => {
    const revocations = new Revocations();
    revocations.add({ tenant: '', issuedBefore: NOW / 1_000 }, NOW, LATER);
    expect(isRevoked(revocations, { user: 'bob', tenant: 'other', tokenId: undefined })).toBe(true);
    expect(isRevoked(revocations, { issuedAt: NOW + 1_000 })).toBe(false);
  });

  test('ends when its time is over, and is forgotten', () => {
    const revocations = new Revocations();
    revocations.add({ jti: 't1', tenant: '' }, NOW, NOW + 10);
    revocations.add({ user: 'ann', tenant: '' }, NOW, NOW + 10);
    revocations.add({ tenant: '', issuedBefore: NOW / 1_000 }, NOW, NOW + 10);
    expect(isRevoked(revocations, {}, NOW + 10)).toBe(false);
    revocations.sweep(NOW + 10);
    expect(revocations.size).toBe(0);
  });

  test('makes room by leaving the oldest, never by growing', () => {
    const revocations = new Revocations();
    for (let n = 0; n < 100_010; n += 1) revocations.add({ jti: `t${n}`, tenant: '' }, NOW, LATER);
    expect(revocations.size).toBe(100_000);
    expect(isRevoked(revocations, { tokenId: 't9' })).toBe(false);
    expect(isRevoked(revocations, { tokenId: 't100009' })).toBe(true);
  });

  test('that is weaker takes nothing back, and one that is stronger adds to it', () => {
    const revocations = new Revocations();
    revocations.add({ user: 'ann', tenant: '' }, NOW, LATER);
    revocations.add({ user: 'ann', tenant: '', issuedBefore: NOW / 1_000 - 60 }, NOW, NOW + 10);
    expect(isRevoked(revocations, {}, NOW + 11)).toBe(true);
    revocations.add({ jti: 't1', tenant: '' }, NOW, LATER);
    revocations.add({ jti: 't1', tenant: '' }, NOW, NOW + 10);
    expect(isRevoked(revocations, { user: 'bob' }, NOW + 11)).toBe(true);
    revocations.add({ user: 'ann', tenant: '', issuedBefore: NOW / 1_000 + 2 }, NOW, NOW + 10);
    expect(isRevoked(revocations, { tokenId: 't2', issuedAt: NOW + 2_000 }, LATER - 1)).toBe(true);
  });

  describe('where clocks differ', () => {
    const ahead = { tokenId: 't2', issuedAt: NOW + 30_000 };

    test('reaches tokens of an issuer whose clock is ahead, seen before or not, and those of its connections', () => {
      const revocations = new Revocations(60_000);
      revocations.seen(principal(ahead), NOW);
      revocations.add({ user: 'ann', tenant: '' }, NOW, LATER);
      expect(isRevoked(revocations, ahead)).toBe(true);
      expect(revocations.covers({ user: 'ann', tenant: '' }, principal(ahead), NOW)).toBe(true);
      expect(isRevoked(revocations, { ...ahead, issuedAt: NOW + 60_001 })).toBe(false);
    });

    test('asks nothing of those who sign in again where no clock is ahead', () => {
      const revocations = new Revocations(60_000);
      // Whole seconds: up to one of them is rounding.
      revocations.seen(principal({ issuedAt: NOW + 1_000 }), NOW);
      revocations.add({ user: 'ann', tenant: '' }, NOW, LATER);
      expect(isRevoked(revocations, { tokenId: 't2', issuedAt: NOW + 1 })).toBe(false);
    });
  });
});
