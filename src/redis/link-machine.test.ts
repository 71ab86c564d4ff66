import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { linkMachine, type LinkEvent } from './link-machine.ts';

function after(...events: LinkEvent['type'][]): string {
  const actor = createActor(linkMachine(3)).start();
  for (const type of events) actor.send({ type });
  return actor.getSnapshot().value;
}

test('commands are sent only after connecting and checking', () => {
  expect(after()).toBe('connecting');
  expect(after('CONNECTED')).toBe('checking');
  expect(after('CONNECTED', 'CHECKED')).toBe('closed');
  expect(after('CONNECTED', 'UNFIT')).toBe('unfit');
  expect(after('CHECKED')).toBe('connecting');
});

test('what was judged unfit is looked at again, and what is in use can become unfit', () => {
  expect(after('CONNECTED', 'UNFIT', 'DOUBTED')).toBe('checking');
  expect(after('CONNECTED', 'UNFIT', 'DOUBTED', 'CHECKED')).toBe('closed');
  expect(after('CONNECTED', 'CHECKED', 'UNFIT')).toBe('unfit');
});

test('so many failures in a row open the breaker, a success in between does not', () => {
  expect(after('CONNECTED', 'CHECKED', 'FAILED', 'FAILED')).toBe('closed');
  expect(after('CONNECTED', 'CHECKED', 'FAILED', 'FAILED', 'FAILED')).toBe('open');
  expect(after('CONNECTED', 'CHECKED', 'FAILED', 'FAILED', 'SUCCEEDED', 'FAILED', 'FAILED')).toBe('closed');
});

test('one call tries after the breaker has cooled down, and decides', () => {
  const open = ['CONNECTED', 'CHECKED', 'FAILED', 'FAILED', 'FAILED'] as const;
  expect(after(...open, 'SUCCEEDED')).toBe('open');
  expect(after(...open, 'COOLED')).toBe('half_open');
  expect(after(...open, 'COOLED', 'FAILED')).toBe('open');
  expect(after(...open, 'COOLED', 'SUCCEEDED')).toBe('closed');
  // The failures of before are forgotten.
  expect(after(...open, 'COOLED', 'SUCCEEDED', 'FAILED', 'FAILED')).toBe('closed');
});

test('a lost connection begins anew from wherever it was', () => {
  for (const before of [['CONNECTED'], ['CONNECTED', 'CHECKED'], ['CONNECTED', 'UNFIT']] as const)
    expect(after(...before, 'LOST')).toBe('connecting');
});
