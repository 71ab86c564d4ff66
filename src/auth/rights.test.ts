import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers, looksLikePattern, matches, overlaps } from '../protocol/topic.ts';
import type { Principal } from './principal.ts';
import { Rights, type Action, type RightsRule, type RightsRules } from './rights.ts';

/** As questions with a yes or a no. */
class AskedRights extends Rights {
  allows(who: Principal, action: Action, name: string): boolean {
    return this.denial(who, action, name) === null;
  }

  allowsDirectMessages(who: Principal): boolean {
    return this.directDenial(who) === null;
  }
}

function principal(roles: readonly string[], topics: Principal['topics'] = null): Principal {
  return { tenant: '', user: 'ann', roles, topics, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
}

function rightsOf(rules: readonly Partial<RightsRule>[], fallback: Partial<RightsRules['fallback']> = {}): AskedRights {
  return new AskedRights({
    rules: rules.map((rule) => ({ pattern: '', subscribe: [], publish: [], ...rule })),
    fallback: { subscribe: ['user'], publish: ['user'], ...fallback },
    direct: ['user'],
  });
}

describe('the rules', () => {
  const rights = rightsOf([
    { pattern: 'news.admin', publish: ['admin'], subscribe: ['admin'] },
    { pattern: 'news.**', publish: ['admin'], subscribe: ['user', 'admin'] },
    { pattern: 'secret.**' },
  ]);

  test('the first that covers a topic counts, whatever later ones say', () => {
    const [user, admin] = [principal(['user']), principal(['admin'])];
    expect(rights.allows(user, 'subscribe', 'news.today')).toBe(true);
    expect(rights.allows(user, 'publish', 'news.today')).toBe(false);
    expect(rights.allows(admin, 'publish', 'news.today')).toBe(true);
    expect(rights.allows(user, 'subscribe', 'news.admin')).toBe(false);
    expect(rights.allows(admin, 'subscribe', 'news.admin')).toBe(true);
    expect(rights.allows(admin, 'subscribe', 'secret.x')).toBe(false);
  });

  test('what no rule covers falls back', () => {
    expect(rights.allows(principal(['user']), 'publish', 'chat.a')).toBe(true);
    expect(rights.allows(principal(['user']), 'publish', 'news')).toBe(true);
    expect(rights.allows(principal(['admin']), 'publish', 'chat.a')).toBe(false);
  });

  test('one of several roles is enough, no role never is', () => {
    expect(rights.allows(principal(['guest', 'admin']), 'publish', 'news.a')).toBe(true);
    expect(rights.allows(principal([]), 'subscribe', 'news.a')).toBe(false);
    expect(rights.allows(principal([]), 'subscribe', 'chat.a')).toBe(false);
  });

  test('a pattern needs every rule that it reaches into', () => {
    const user = principal(['user']);
    expect(rights.allows(user, 'subscribe', 'news.**')).toBe(false);
    expect(rights.allows(user, 'subscribe', 'news.*')).toBe(false);
    expect(rights.allows(user, 'subscribe', 'news.*.today')).toBe(true);
    expect(rights.allows(principal(['user', 'admin']), 'subscribe', 'news.**')).toBe(true);
    expect(rights.allows(user, 'subscribe', 'chat.**')).toBe(true);
    expect(rights.allows(user, 'subscribe', 'secret.*')).toBe(false);
  });

  test('a rule behind the one that covers a pattern whole does not matter', () => {
    const open = rightsOf([{ pattern: 'a.**', subscribe: ['user'] }, { pattern: 'a.b' }], { subscribe: [] });
    expect(open.allows(principal(['user']), 'subscribe', 'a.*')).toBe(true);
    expect(open.allows(principal(['user']), 'subscribe', 'a.b')).toBe(true);
  });
});

describe('the claim of the token', () => {
  const rights = rightsOf([{ pattern: 'news.**', subscribe: ['user'] }]);
  const narrow = principal(['user'], { subscribe: ['chat.*', 'news.**'], publish: ['chat.a', 'news.**'] });

  test('narrows what the roles allow', () => {
    expect(rights.allows(narrow, 'subscribe', 'chat.a')).toBe(true);
    expect(rights.allows(narrow, 'subscribe', 'chat.a.b')).toBe(false);
    expect(rights.allows(narrow, 'subscribe', 'mail.a')).toBe(false);
    expect(rights.allows(narrow, 'publish', 'chat.b')).toBe(false);
  });

  test('never widens it', () => {
    expect(rights.allows(narrow, 'publish', 'news.a')).toBe(false);
    expect(rights.allows(principal(['guest'], narrow.topics), 'subscribe', 'chat.a')).toBe(false);
  });

  test('has to cover a pattern whole', () => {
    expect(rights.allows(narrow, 'subscribe', 'chat.*')).toBe(true);
    expect(rights.allows(narrow, 'subscribe', 'chat.**')).toBe(false);
    expect(rights.allows(narrow, 'subscribe', 'news.*.x')).toBe(true);
  });

  test('that is empty allows nothing', () => {
    expect(rights.allows(principal(['user'], { subscribe: [], publish: [] }), 'subscribe', 'chat.a')).toBe(false);
  });
});

describe('direct messages', () => {
  test('everybody may read their own, and nobody publishes to @me', () => {
    const closed = rightsOf([], { subscribe: [], publish: [] });
    for (const one of [principal([]), principal(['user'], { subscribe: [], publish: [] })]) {
      expect(closed.allows(one, 'subscribe', '@me')).toBe(true);
      expect(closed.allows(one, 'publish', '@me')).toBe(false);
    }
  });

  test('sending takes one of the roles', () => {
    expect(rightsOf([]).allowsDirectMessages(principal(['guest', 'user']))).toBe(true);
    expect(rightsOf([]).allowsDirectMessages(principal(['guest']))).toBe(false);
    expect(rightsOf([]).allowsDirectMessages(principal([]))).toBe(false);
  });

  test('sending takes a topics claim that allows to publish anything at all, where there is one', () => {
    const claiming = (publish: string[]): boolean =>
      rightsOf([]).allowsDirectMessages({ ...principal(['user']), topics: { subscribe: ['a.**'], publish } });
    expect(claiming([])).toBe(false);
    expect(claiming(['a.b'])).toBe(true);
  });
});

const first = fc.constantFrom('a', 'b');
const later = fc.constantFrom('a', 'b', '*');
const patterns = fc
  .tuple(first, fc.array(later, { maxLength: 2 }), fc.constantFrom([], ['**']))
  .map(([head, middle, tail]) => [head, ...middle, ...tail].join('.'));
const roles = fc.subarray(['user', 'admin', 'guest']);
const presence = fc.record({ 'presence.enter': roles, 'presence.read': roles, 'presence.count': roles });
const ruleSets: fc.Arbitrary<RightsRules> = fc.record({
  rules: fc.array(fc.record({ pattern: patterns, subscribe: roles, publish: roles, presence }), { maxLength: 4 }),
  fallback: fc.record({ subscribe: roles, publish: roles, presence: fc.option(presence, { nil: undefined }) }),
  direct: roles,
});
const principals = fc
  .tuple(
    roles,
    fc.option(
      fc.record({ subscribe: fc.array(patterns, { maxLength: 3 }), publish: fc.array(patterns, { maxLength: 3 }) }),
    ),
  )
  .map(([list, topics]) => principal(list, topics));
const actions = fc.constantFrom<Action>('subscribe', 'publish', 'presence.enter', 'presence.read', 'presence.count');
const universe = [1, 2, 3, 4].flatMap((length) => names(length));

function names(length: number): string[] {
  const parts = ['a', 'b', 'z'];
  return length === 1 ? parts : names(length - 1).flatMap((name) => parts.map((part) => `${name}.${part}`));
}

test('a topic is allowed by the first rule that matches it and by the claim', () => {
  fc.assert(
    fc.property(ruleSets, principals, actions, fc.constantFrom(...universe), (rules, who, action, topic) => {
      const rule = rules.rules.find(({ pattern }) => matches(pattern, topic)) ?? rules.fallback;
      const named = action === 'subscribe' || action === 'publish' ? rule[action] : (rule.presence?.[action] ?? []);
      const byRole = named.some((role) => who.roles.includes(role));
      const claimed = who.topics?.[action === 'publish' ? 'publish' : 'subscribe'];
      const byClaim = claimed === undefined || claimed.some((pattern) => matches(pattern, topic));
      expect(new AskedRights(rules).allows(who, action, topic)).toBe(byRole && byClaim);
    }),
    { numRuns: 1_000 },
  );
});

test('who may subscribe to a pattern may subscribe to everything that it matches', () => {
  let allowed = 0;
  fc.assert(
    fc.property(ruleSets, principals, patterns.filter(looksLikePattern), (rules, who, pattern) => {
      const rights = new AskedRights(rules);
      if (!rights.allows(who, 'subscribe', pattern)) return;
      allowed += 1;
      const denied = universe.filter((name) => matches(pattern, name) && !rights.allows(who, 'subscribe', name));
      expect(denied).toEqual([]);
    }),
    { numRuns: 1_500 },
  );
  expect(allowed).toBeGreaterThan(50);
});

test('a pattern is allowed when all rules that overlap it agree, up to the first that covers it, else the fallback too', () => {
  fc.assert(
    fc.property(ruleSets, roles, patterns.filter(looksLikePattern), ({ rules, ...rest }, list, pattern) => {
      const end = rules.findIndex((rule) => covers(rule.pattern, pattern));
      const asked: readonly Omit<RightsRule, 'pattern'>[] = [
        ...rules.slice(0, end === -1 ? rules.length : end + 1).filter((rule) => overlaps(rule.pattern, pattern)),
        ...(end === -1 ? [rest.fallback] : []),
      ];
      const expected = asked.every(({ subscribe }) => subscribe.some((role) => list.includes(role)));
      expect(new AskedRights({ rules, ...rest }).allows(principal(list), 'subscribe', pattern)).toBe(expected);
    }),
    { numRuns: 1_000 },
  );
});

describe('whose no it is', () => {
  const rights = rightsOf(
    [
      { pattern: 'staff.**', subscribe: ['user', 'admin'], publish: ['admin'] },
      { pattern: 'closed.**' },
      { pattern: 'chat.**', subscribe: ['user'], publish: ['user'] },
    ],
    { subscribe: [], publish: ['admin'] },
  );
  const narrow = principal(['user'], { subscribe: ['chat.lobby'], publish: [] });

  test.each([
    ['subscribe', 'other', principal(['user']), 'no_rule'],
    ['publish', 'other', principal(['user']), 'role'],
    ['subscribe', 'closed.a', principal(['user', 'admin']), 'no_rule'],
    ['publish', 'staff.a', principal(['user']), 'role'],
    ['subscribe', 'staff.a', narrow, 'token'],
    ['publish', 'chat.lobby', narrow, 'token'],
    ['subscribe', 'chat.**', narrow, 'token'],
    ['publish', 'staff.a', narrow, 'role'],
    ['subscribe', 'chat.**', principal([]), 'role'],
    ['publish', '@me', principal(['user']), 'no_rule'],
    ['subscribe', '@me', principal([]), null],
    ['subscribe', 'chat.lobby', narrow, null],
  ] as const)('%s %s', (action, name, who, denial) => {
    expect(rights.denial(who, action, name)).toBe(denial);
    expect(rights.allows(who, action, name)).toBe(denial === null);
  });

  test('for direct messages', () => {
    const nobody = new AskedRights({ rules: [], fallback: { subscribe: [], publish: [] }, direct: [] });
    const denials = [rights.directDenial(principal(['guest'])), nobody.directDenial(principal(['user']))];
    expect(denials).toEqual(['role', 'no_rule']);
  });
});
