import { expect, test } from 'vitest';
import type { MemberStatus, Role } from '../tables.ts';
import { may, RANKS, type Ability, type Standing } from './roles.ts';

const ROLES = ['owner', 'admin', 'moderator', 'member', 'reader'] as const satisfies readonly Role[];
const STATES = ['active', 'left', 'removed', 'pending'] as const satisfies readonly MemberStatus[];
const ABILITIES = ['read', 'send', 'upload', 'add', 'remove', 'moderate', 'rename', 'appoint'] as const;
/** Which of the abilities a role has without any flag, in their order. */
const EXPECTED: Readonly<Record<Role, string>> = {
  owner: 'yyyyyyyy',
  admin: 'yyyyyyyy',
  moderator: 'yyyyyy--',
  member: 'yyy-----',
  reader: 'y-------',
};
const NO_FLAGS = { can_send: null, can_upload: null, can_add: null, can_remove: null };

function row(standing: Standing): string {
  return ABILITIES.map((ability) => (may(standing, ability) ? 'y' : '-')).join('');
}

test('D-22, A-21: every role × status × action', () => {
  for (const role of ROLES) {
    for (const status of STATES)
      expect([role, status, row({ role, status, ...NO_FLAGS })]).toEqual([
        role,
        status,
        status === 'active' ? EXPECTED[role] : '--------',
      ]);
  }
  expect(ROLES.toSorted((a, b) => RANKS[b] - RANKS[a])).toEqual([...ROLES]);
});

test('D-22: flags override roles in both directions, and lift neither readers nor those who are not active', () => {
  const flags = { send: 'can_send', upload: 'can_upload', add: 'can_add', remove: 'can_remove' } as const;
  for (const [ability, flag] of Object.entries(flags) as [Ability, (typeof flags)[keyof typeof flags]][])
    for (const role of ROLES)
      for (const status of STATES)
        for (const value of [true, false])
          expect([role, status, ability, value, may({ role, status, ...NO_FLAGS, [flag]: value }, ability)]).toEqual([
            role,
            status,
            ability,
            value,
            status === 'active' && role !== 'reader' && value,
          ]);
});

test('D-22: a member that may not send sends no files', () => {
  const muted = { role: 'admin', status: 'active', ...NO_FLAGS, can_send: false, can_upload: true } as const;
  expect([may(muted, 'send'), may(muted, 'upload')]).toEqual([false, false]);
});
