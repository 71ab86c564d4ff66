import { expect, test } from 'vitest';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { RememberedAnswers } from './remembered-answers.ts';

test('an answer is remembered for its seconds, and one of 0 seconds is not', () => {
  const clock = new VirtualClock();
  const memory = new RememberedAnswers<string>(10, clock);
  memory.put('a', 'yes', 2);
  memory.put('b', 'yes', 0);
  clock.advance(1_999);
  expect(memory.get('a')).toBe('yes');
  expect(memory.get('b')).toBeUndefined();
  clock.advance(1);
  expect(memory.get('a')).toBeUndefined();
  expect(memory.size).toBe(0);
});

test('the oldest give way, and all go when rights change', () => {
  const memory = new RememberedAnswers<string>(2, new VirtualClock());
  for (const key of ['a', 'b', 'a', 'c']) memory.put(key, key, 60);
  expect([memory.get('a'), memory.get('b'), memory.get('c')]).toEqual(['a', undefined, 'c']);
  memory.forget();
  expect(memory.size).toBe(0);
});
