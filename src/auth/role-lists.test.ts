import { expect, test } from 'vitest';
import { sharedRoles } from './role-lists.ts';

test('equal lists of roles are one object, and others are not', () => {
  const roles = ['user', 'admin'];
  expect(sharedRoles(roles)).toEqual(roles);
  expect(sharedRoles(['user', 'admin'])).toBe(sharedRoles(roles));
  expect(sharedRoles(['user admin'])).toEqual(['user admin']);
  expect(sharedRoles(['admin', 'user'])).toEqual(['admin', 'user']);
});

test('a list that somebody changes later is not the shared one', () => {
  const roles = ['reader'];
  const shared = sharedRoles(roles);
  roles.push('admin');
  expect(shared).toEqual(['reader']);
  expect(() => (shared as string[]).push('admin')).toThrow('not extensible');
});
