import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { PatternIndex } from './pattern-index.ts';
import { TopicIndex } from './topic-index.ts';
import { matches } from './topic.ts';

const random = new SeededRandom(7);
const pick = (words: readonly string[]): string => words[Math.floor(random.fraction() * words.length)] ?? '';
const name = (words: readonly string[]): string =>
  ['t/a', ...Array.from({ length: Math.floor(random.fraction() * 4) }, () => pick(words))].join('.');

const TOPICS = [...new Set(Array.from({ length: 200 }, () => name(['a', 'b', 'c', 'aa'])))];
const PATTERNS = [
  ...new Set(Array.from({ length: 200 }, () => name(['a', 'b', '*', 'aa']) + pick(['', '.**', '.*']))),
].filter((pattern) => pattern.includes('*'));

describe('the indexes agree with matches', () => {
  test('topics of a pattern', () => {
    const index = new TopicIndex<string>();
    for (const topic of TOPICS) index.set(topic, topic);
    const gone = TOPICS.filter((_, at) => at % 3 === 0);
    for (const topic of gone) index.delete(topic);
    const left = TOPICS.filter((topic) => !gone.includes(topic));
    for (const pattern of PATTERNS)
      expect(index.matching(pattern).toSorted()).toEqual(left.filter((topic) => matches(pattern, topic)).toSorted());
  });

  test('patterns of a topic', () => {
    const index = new PatternIndex<string>();
    for (const pattern of PATTERNS) index.set(pattern, pattern);
    const gone = PATTERNS.filter((_, at) => at % 3 === 0);
    for (const pattern of gone) index.delete(pattern);
    const left = PATTERNS.filter((pattern) => !gone.includes(pattern));
    for (const topic of TOPICS) {
      const found: string[] = [];
      index.visit(topic, (pattern) => found.push(pattern));
      expect(found.toSorted()).toEqual(left.filter((pattern) => matches(pattern, topic)).toSorted());
      expect(index.matchesAny(topic)).toBe(found.length > 0);
    }
    for (const pattern of left) index.delete(pattern);
    expect(index.size).toBe(0);
    expect(TOPICS.some((topic) => index.matchesAny(topic))).toBe(false);
  });
});

test('a pattern looks at what stands beside its literal segments, and at no more than it may', () => {
  const index = new TopicIndex<string>();
  for (let at = 0; at < 1_000; at += 1) index.set(`chat.${at}.room`, `chat.${at}.room`);
  expect(index.visit('chat.7.*', () => true)).toBe(3);
  expect(index.visit('other.**', () => true)).toBe(0);
  expect(index.visit('chat.*.nothing', () => true)).toBe(1_001);
  expect(index.visit('chat.*.room', () => true, 100)).toBe(101);
  expect(index.visit('chat.*.room', () => false)).toBe(3);
});
