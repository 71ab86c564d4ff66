/** The end of a turn: all the work of it in order, whatever fails. */
import { afterEach, expect, test, vi } from 'vitest';
import { systemScheduler } from './system-clock.ts';

const immediates: (() => void)[] = [];

afterEach(() => {
  vi.unstubAllGlobals();
  immediates.length = 0;
});

/** Node's next turn: what it was given runs, and is gone. */
function turn(): void {
  for (const work of immediates.splice(0)) work();
}

test('has one entry in Node’s queue for all the work of a turn, which runs in order', () => {
  vi.stubGlobal('setImmediate', (work: () => void) => immediates.push(work));
  const done: string[] = [];
  for (const name of ['a', 'b', 'c']) systemScheduler.endOfTurn(() => done.push(name));
  expect(immediates).toHaveLength(1);
  turn();
  expect(done).toEqual(['a', 'b', 'c']);
});

test('what is scheduled meanwhile has the next turn', () => {
  vi.stubGlobal('setImmediate', (work: () => void) => immediates.push(work));
  const done: string[] = [];
  systemScheduler.endOfTurn(() => {
    done.push('first');
    systemScheduler.endOfTurn(() => done.push('second'));
  });
  turn();
  expect(done).toEqual(['first']);
  turn();
  expect(done).toEqual(['first', 'second']);
});

test('what stands behind a failure runs in the next turn', () => {
  vi.stubGlobal('setImmediate', (work: () => void) => immediates.push(work));
  const done: string[] = [];
  systemScheduler.endOfTurn(() => done.push('a'));
  systemScheduler.endOfTurn(() => {
    throw new Error('a planted fault');
  });
  systemScheduler.endOfTurn(() => done.push('c'));
  expect(turn).toThrow('a planted fault');
  expect(done).toEqual(['a']);
  turn();
  expect(done).toEqual(['a', 'c']);
  expect(immediates).toEqual([]);
});
