import { expect, test } from 'vitest';
import { COMMANDS } from './command.ts';

test('a tenant is one that tokens can have: with another one two users could be one', () => {
  for (const tenant of ['', 'acme', 'a:b-c_d'])
    expect(COMMANDS.revoke.safeParse({ user: 'c', tenant }).success).toBe(true);
  for (const tenant of ['a/b', 'a b', 'é', 'x'.repeat(65)]) {
    expect(COMMANDS.revoke.safeParse({ user: 'c', tenant }).success).toBe(false);
    expect(COMMANDS.disconnect_user.safeParse({ user: 'c', tenant }).success).toBe(false);
  }
});
