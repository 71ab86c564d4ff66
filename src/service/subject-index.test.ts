import { expect, test } from 'vitest';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { affects, type RightsChange } from './rights-change.ts';
import { SubjectIndex, type Subject } from './subject-index.ts';

const SEGMENTS = ['a', 'b', 'c', '*'];
const TENANTS = ['', 't'];
const USERS = ['ada', 'bob', undefined];

const random = new SeededRandom(12);

/** A topic or a pattern of up to four segments. */
function name(firsts: readonly string[]): string {
  const segments = [random.pick(firsts)];
  while (random.chance(0.6) && segments.length < 4) segments.push(random.pick(SEGMENTS));
  if (random.chance(0.3)) segments.push('**');
  return segments.join('.');
}

test('a change finds what it concerns, and nothing else, after any additions and removals', () => {
  for (let round = 0; round < 200; round += 1) {
    const index = new SubjectIndex<Subject>();
    const there = new Set<Subject>();
    for (let at = 0; at < 60; at += 1) {
      const subject = { tenant: random.pick(TENANTS), user: random.pick(['ada', 'bob']), name: name(['a', 'b']) };
      there.add(subject);
      index.add(subject);
    }
    for (const subject of there) {
      if (!random.chance(0.4)) continue;
      there.delete(subject);
      index.delete(subject);
    }
    for (let at = 0; at < 10; at += 1) {
      const topic = random.chance(0.2) ? undefined : name(SEGMENTS);
      const change: RightsChange = { tenant: random.pick(TENANTS), user: random.pick(USERS), topic };
      const found = index.affectedBy(change);
      expect(new Set(found)).toEqual(new Set([...there].filter((subject) => affects(change, subject))));
      expect(found).toHaveLength(new Set(found).size);
    }
  }
});
