import { expect, test } from 'vitest';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { ANSWER_MS, AwaitedOutcomes } from './awaited-outcomes.ts';
import type { Outcome } from './command.ts';

function outcomeOf(node: string): Outcome {
  return { node, applied: true, connections: 0, messages_per_second: 0, until: null };
}

/** @returns how long it took, in ms of the clock, and who answered */
async function ask(how: {
  members: readonly string[];
  listeners: number;
  before?: readonly string[];
  after?: readonly string[];
}): Promise<{ readonly ms: number; readonly from: readonly string[] }> {
  const { members, listeners, before = [], after = [] } = how;
  const clock = new VirtualClock();
  const awaited = new AwaitedOutcomes(clock);
  let from: readonly string[] | null = null;
  void awaited.expect('id').then((outcomes) => (from = [...outcomes.keys()]));
  for (const instance of before) awaited.answered('id', instance, outcomeOf(instance));
  awaited.from('id', members, listeners);
  for (const instance of after) awaited.answered('id', instance, outcomeOf(instance));
  for (;;) {
    await Promise.resolve();
    await Promise.resolve();
    if (from !== null) return { ms: clock.elapsed(), from };
    clock.advance(1);
  }
}

const BOTH = ['living', 'killed'];

test.each([
  [
    'every member answered, some before the members were known',
    { members: BOTH, listeners: 2, before: ['living'], after: ['killed'] },
    0,
  ],
  [
    'all who heard it answered: the other was killed, and its lease goes on',
    { members: BOTH, listeners: 1, after: ['living'] },
    0,
  ],
  ['the same, before the members were known', { members: BOTH, listeners: 1, before: ['living'] }, 0],
  ['nobody heard it', { members: ['killed'], listeners: 0 }, 0],
  ['one that heard it says nothing', { members: BOTH, listeners: 2, after: ['living'] }, ANSWER_MS],
  ['one of many was meant', { members: ['killed'], listeners: Infinity }, ANSWER_MS],
])('%s', async (_name, how, ms) => {
  const { before = [], after = [] } = how as { before?: string[]; after?: string[] };
  expect(await ask(how)).toEqual({ ms, from: [...before, ...after] });
});

test('nobody waits once it is given up', async () => {
  const awaited = new AwaitedOutcomes(new VirtualClock());
  const given = awaited.expect('away');
  awaited.giveUp('away');
  expect((await given).size).toBe(0);
});
