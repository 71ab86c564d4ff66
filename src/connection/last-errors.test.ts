import { expect, test } from 'vitest';
import { LastErrors } from './last-errors.ts';

test('five of a connection are kept, the newest first, and of at most a thousand connections', () => {
  const errors = new LastErrors();
  for (let at = 0; at < 7; at += 1) errors.add(1, { at, reason: 'malformed', frame: null });
  expect(errors.of(1).map(({ at }) => at)).toEqual([6, 5, 4, 3, 2]);
  for (let number = 2; number <= 1_000; number += 1) errors.add(number, { at: 0, reason: 'malformed', frame: null });
  // The one that was refused something last stays.
  errors.add(1, { at: 7, reason: 'malformed', frame: 'Publish' });
  errors.add(1_001, { at: 0, reason: 'malformed', frame: null });
  expect([errors.of(1).length, errors.of(2).length, errors.of(3).length]).toEqual([5, 0, 1]);
  errors.forget(1);
  expect(errors.of(1)).toEqual([]);
});
