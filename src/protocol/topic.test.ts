import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { characters } from '../../test/kit/characters.ts';
import {
  clientName,
  covers,
  directTopic,
  firstSegment,
  isDirectTopic,
  isSupportedPattern,
  isTenant,
  isTopicName,
  looksLikePattern,
  matches,
  overlaps,
  qualify,
  tenantOf,
  topicDigest,
  wireName,
} from './topic.ts';

describe('names', () => {
  test.each(['a', 'chat.room-1', 'a:b_c-D.9', 'x'.repeat(256)])('%s is a name', (name) => {
    expect(isTopicName(name)).toBe(true);
  });

  test.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a/b',
    'a\n',
    'é',
    '@me',
    '@user.abc',
    'a.*',
    'a.**',
    'a,b',
    'x'.repeat(257),
  ])('%j is not a name', (name) => {
    expect(isTopicName(name)).toBe(false);
  });
});

describe('patterns', () => {
  test.each(['chat.*', 'chat.**', 'chat.*.typing', 'chat.*.*', 'a.*.**', 'chat', `${'x'.repeat(253)}.**`])(
    '%s is served',
    (pattern) => {
      expect(isSupportedPattern(pattern)).toBe(true);
    },
  );

  test.each([
    '',
    '*',
    '**',
    '*.a',
    '**.a',
    'a.**.b',
    'a.**.**',
    'a.b*',
    'a*.b',
    'a.***',
    'a.',
    'a..*',
    '@me.*',
    '@user.*',
    'a/b.*',
    `${'x'.repeat(254)}.**`,
  ])('%j is not served', (pattern) => {
    expect(isSupportedPattern(pattern)).toBe(false);
  });

  test('everything with a star looks like a pattern, and no name does', () => {
    expect(['*', 'a*', 'a.**'].every(looksLikePattern)).toBe(true);
    expect(looksLikePattern('a.b')).toBe(false);
  });
});

/** What a pattern means, as a regular expression: one segment for `*`, one or more for `**`. */
function meaning(pattern: string): RegExp {
  const segments = pattern.split('.').map((segment) => {
    if (segment === '**') return '[^.]+(?:\\.[^.]+)*';
    return segment === '*' ? '[^.]+' : segment.replaceAll(/[^A-Za-z0-9]/g, String.raw`\$&`);
  });
  return new RegExp(`^${segments.join('\\.')}$`);
}

const segment = fc.constantFrom('a', 'b', 'aa', 'a-b', 'x:1');
const names = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('.'));
const patterns = fc
  .tuple(segment, fc.array(fc.oneof(segment, fc.constant('*')), { maxLength: 4 }), fc.constantFrom([], ['**']))
  .map(([first, middle, last]) => [first, ...middle, ...last].join('.'));

test('a pattern matches exactly the topics that it means', () => {
  fc.assert(
    fc.property(patterns, names, (pattern, name) => {
      expect(matches(pattern, name)).toBe(meaning(pattern).test(name));
    }),
    { numRuns: 2_000 },
  );
});

test('a topic turned into a pattern segment by segment matches itself', () => {
  fc.assert(
    fc.property(names, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), (name, stars) => {
      const pattern = name.split('.').map((part, at) => (at > 0 && stars[at] === true ? '*' : part));
      expect(matches(pattern.join('.'), name)).toBe(true);
    }),
  );
});

describe('patterns among each other, against every topic that they can tell apart', () => {
  // Two literals, one segment that no pattern names, and one level more than the longest pattern has.
  const universe = sequences(['a', 'b', 'z'], 5).map((segments) => segments.join('.'));
  const all = sequences(['a', 'b', '*'], 3)
    .filter(([first]) => first !== '*')
    .flatMap((segments) => [segments.join('.'), [...segments, '**'].join('.')]);
  const matched = new Map(all.map((pattern) => [pattern, universe.filter((name) => meaning(pattern).test(name))]));
  const pairs = all.flatMap((left) => all.map((right) => [left, right] as const));

  function topicsOf(pattern: string): readonly string[] {
    return matched.get(pattern) ?? [];
  }

  test('there is something to compare', () => {
    expect(universe).toHaveLength(3 + 9 + 27 + 81 + 243);
    expect(all).toHaveLength(2 * (2 + 6 + 18));
  });

  test('one covers another exactly if it matches all its topics', () => {
    for (const [outer, inner] of pairs) {
      const wide = new Set(topicsOf(outer));
      const expected = topicsOf(inner).every((name) => wide.has(name));
      expect(covers(outer, inner), `${outer} covers ${inner}`).toBe(expected);
    }
  });

  test('two overlap exactly if a topic is matched by both', () => {
    for (const [left, right] of pairs) {
      const others = new Set(topicsOf(right));
      const expected = topicsOf(left).some((name) => others.has(name));
      expect(overlaps(left, right), `${left} overlaps ${right}`).toBe(expected);
    }
  });

  function sequences(alphabet: readonly string[], longest: number): string[][] {
    let last: string[][] = [[]];
    const found: string[][] = [];
    for (let length = 1; length <= longest; length += 1) {
      last = last.flatMap((head) => alphabet.map((item) => [...head, item]));
      found.push(...last);
    }
    return found;
  }
});

describe('tenants', () => {
  const tenants = fc.oneof(fc.constant(''), fc.stringMatching(/^[A-Za-z0-9_:-]{1,8}$/));

  test.each(['', 'acme', 'A:b_c-9', 'x'.repeat(64)])('%j can be a tenant', (tenant) => {
    expect(isTenant(tenant)).toBe(true);
  });

  test.each(['a/b', 'a.b', 'a b', '*', '@x', 'é', 'a\n', 'x'.repeat(65)])('%j cannot be a tenant', (tenant) => {
    expect(isTenant(tenant)).toBe(false);
  });

  test("a node's name gives back the tenant and the wire name", () => {
    fc.assert(
      fc.property(tenants, names, (tenant, name) => {
        const topic = qualify(tenant, name);
        expect([tenantOf(topic), wireName(topic), clientName(topic)]).toEqual([tenant, name, name]);
        expect(isDirectTopic(topic)).toBe(false);
      }),
    );
  });

  test('a pattern of one tenant matches nothing of another', () => {
    fc.assert(
      fc.property(tenants, tenants, patterns, names, (mine, theirs, pattern, name) => {
        const expected = mine === theirs && matches(pattern, name);
        expect(matches(qualify(mine, pattern), qualify(theirs, name))).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  test('the key of the pattern index holds the tenant and the first segment', () => {
    expect(firstSegment(qualify('acme', 'chat.*'))).toBe('acme/chat');
    expect(firstSegment('chat')).toBe('chat');
    fc.assert(
      fc.property(tenants, patterns, names, (tenant, pattern, name) => {
        fc.pre(matches(pattern, name));
        expect(firstSegment(qualify(tenant, pattern))).toBe(firstSegment(qualify(tenant, name)));
      }),
    );
  });
});

describe('direct messages', () => {
  const users = fc.string({ minLength: 1, maxLength: 12, unit: characters });
  const tenants = fc.constantFrom('', 'acme', 'b');

  test('the topic of a user is called @me, keeps its tenant, and cannot be named by a client', () => {
    fc.assert(
      fc.property(tenants, users, (tenant, user) => {
        const topic = directTopic(tenant, user);
        expect(isDirectTopic(topic)).toBe(true);
        expect(clientName(topic)).toBe('@me');
        expect(tenantOf(topic)).toBe(tenant);
        expect(isTopicName(wireName(topic))).toBe(false);
        expect(isSupportedPattern(wireName(topic))).toBe(false);
      }),
    );
  });

  test('two users never share a topic', () => {
    fc.assert(
      fc.property(tenants, tenants, users, users, (left, right, one, other) => {
        const same = left === right && one === other;
        expect(directTopic(left, one) === directTopic(right, other)).toBe(same);
      }),
    );
  });

  test('no pattern that is served matches one', () => {
    fc.assert(
      fc.property(tenants, users, patterns, (tenant, user, pattern) => {
        fc.pre(isSupportedPattern(pattern));
        expect(matches(qualify(tenant, pattern), directTopic(tenant, user))).toBe(false);
      }),
    );
  });
});

test('the digest of a topic is six characters and differs between tenants', () => {
  fc.assert(
    fc.property(names, (name) => {
      expect(topicDigest(name)).toMatch(/^[A-Za-z0-9_-]{6}$/);
      expect(topicDigest(name)).not.toBe(topicDigest(qualify('acme', name)));
    }),
  );
});
