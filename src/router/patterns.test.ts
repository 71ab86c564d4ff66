import { expect, test } from 'vitest';
import { Patterns } from './patterns.ts';
import { TestSubscriber } from './test-rig.ts';

const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];

test('finds everybody with a matching pattern, each once', () => {
  const patterns = new Patterns();
  patterns.add('chat.*', ada);
  patterns.add('chat.**', ada);
  patterns.add('chat.**', bob);
  patterns.add('other.*', bob);
  expect([...patterns.matching('chat.a').keys()]).toEqual([ada, bob]);
  expect([...patterns.matching('chat.a.b').keys()]).toEqual([ada, bob]);
  expect([...patterns.matching('other.a').keys()]).toEqual([bob]);
  expect(patterns.matching('chats.a').size).toBe(0);
});

test('says whether any pattern matches', () => {
  const patterns = new Patterns();
  patterns.add('chat.*.typing', ada);
  expect(patterns.matchesAny('chat.a.typing')).toBe(true);
  expect(patterns.matchesAny('chat.a')).toBe(false);
  expect(patterns.matchesAny('other.a.typing')).toBe(false);
});

test('tenants do not meet', () => {
  const patterns = new Patterns();
  patterns.add('acme/chat.*', ada);
  expect(patterns.matchesAny('chat.a')).toBe(false);
  expect(patterns.matchesAny('other/chat.a')).toBe(false);
  expect(patterns.matchesAny('acme/chat.a')).toBe(true);
});

test('a removal says whether it was the last', () => {
  const patterns = new Patterns();
  patterns.add('chat.*', ada);
  patterns.add('chat.*', bob);
  expect(patterns.remove('chat.**', ada)).toBe(false);
  expect(patterns.remove('chat.*', ada)).toBe(false);
  expect(patterns.remove('chat.*', ada)).toBe(false);
  expect([...patterns.matching('chat.a').keys()]).toEqual([bob]);
  expect(patterns.remove('chat.*', bob)).toBe(true);
  expect(patterns.matchesAny('chat.a')).toBe(false);
});

test('a topic is new to whom one of its patterns had listed everything', () => {
  const patterns = new Patterns();
  const hold = patterns.add('chat.*', ada);
  patterns.add('chat.**', ada);
  patterns.add('chat.*', bob);
  expect([...patterns.matching('chat.a')]).toEqual([
    [ada, false],
    [bob, false],
  ]);
  hold.isComplete = true;
  expect([...patterns.matching('chat.a')]).toEqual([
    [ada, true],
    [bob, false],
  ]);
  expect([...patterns.matching('chat.a.b')]).toEqual([[ada, false]]);
});

test('who asks again has not been told yet', () => {
  const patterns = new Patterns();
  const first = patterns.add('chat.*', ada);
  patterns.remove('chat.*', ada);
  expect(patterns.holdOf('chat.*', ada)).toBeUndefined();
  const second = patterns.add('chat.*', ada);
  first.isComplete = true;
  expect(patterns.holdOf('chat.*', ada)).toBe(second);
  expect([...patterns.matching('chat.a')]).toEqual([[ada, false]]);
});
