import { expect, test } from 'vitest';
import { userKey, type Principal } from './principal.ts';

function principal(tenant: string, user: string): Principal {
  return { tenant, user, roles: [], topics: null, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
}

test('users of different tenants never share a key, whatever they are called', () => {
  const keys = [
    principal('', 'bob'),
    principal('acme', 'bob'),
    principal('', 'acme/bob'),
    principal('', '/bob'),
    principal('acme', '/bob'),
  ].map(userKey);
  expect(new Set(keys).size).toBe(keys.length);
});
