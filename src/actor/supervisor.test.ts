import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { open, Stage } from '../../test/kit/recording-actor.ts';

describe('a failure', () => {
  test('puts exactly that message aside, and the next is handled', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => {
      cell.tell({ name: 'b' }, 1);
      throw new Error('a failed');
    });
    stage.tell('c');
    expect(stage.events).toEqual(['a', 'failed a', 'b', '/b', 'c', '/c']);
    expect(stage.deadLetters.list()).toEqual([
      {
        at: stage.clock.now(),
        actor: 'actor-1',
        error: expect.stringMatching(/^Error: a failed\n +at /) as string,
        message: 'message a',
      },
    ]);
    expect(stage.restarts).toEqual(['actor-1 1']);
  });

  test('may be anything that is thrown', () => {
    const stage = new Stage();
    stage.tell('a', () => {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
      throw 'text';
    });
    expect(stage.cell.health()).toMatchObject({ last_error: 'text', restart_count: 1 });
  });

  test('may come as a rejected promise', async () => {
    const stage = new Stage();
    const { promise, reject } = open();
    stage.tell('a', () => promise);
    stage.tell('b');
    reject(new Error('a failed'));
    await stage.settle();
    expect(stage.events).toEqual(['a', 'failed a', 'b', '/b']);
    expect(stage.deadLetters.list()).toMatchObject([{ message: 'message a' }]);
    expect(stage.cell.health()).toMatchObject({ restart_count: 1, error_rate: 0.5 });
  });

  test('after the message had suspended the actor does not leave it suspended', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => {
      cell.suspend();
      throw new Error('a failed');
    });
    stage.tell('b');
    expect(stage.events).toEqual(['a', 'failed a', 'b', '/b']);
  });

  test('does not touch other actors', () => {
    const failing = new Stage({}, 'failing');
    const other = new Stage({}, 'other');
    for (let count = 0; count < 6; count += 1) failing.fail(`f${count}`);
    expect(failing.cell.isStopped).toBe(true);
    expect(other.tell('a')).toBe(true);
    expect(other.cell.health()).toMatchObject({ restart_count: 0, last_error: null });
  });
});

describe('the budget of restarts', () => {
  test.each([0, 1, 5])('%i failures within the window go on, one more is the end', (maxFailures) => {
    const stage = new Stage({ maxFailures });
    for (let count = 1; count <= maxFailures; count += 1) stage.fail(`f${count}`);
    expect(stage.cell.isStopped).toBe(false);
    expect(stage.restarts).toHaveLength(maxFailures);
    expect(stage.alerts).toEqual([]);
    stage.fail('last');
    expect(stage.cell.isStopped).toBe(true);
    expect(stage.events.slice(-2)).toEqual(['last', 'stopped failure_limit']);
    expect(stage.restarts).toHaveLength(maxFailures);
    expect(stage.tell('more')).toBe(false);
    expect(stage.deadLetters.total).toBe(maxFailures + 1);
    expect(stage.alerts).toEqual([
      {
        actor: 'actor-1',
        message: `actor actor-1 stopped: ${maxFailures + 1} failures within 60 s`,
        restarts: maxFailures,
        error: expect.stringContaining('last failed') as string,
      },
    ]);
  });

  test('what waits when the actor is stopped is dropped', () => {
    const stage = new Stage({ maxFailures: 0 });
    stage.tell('a', (cell) => {
      cell.tell({ name: 'b' }, 1);
      throw new Error('a failed');
    });
    expect(stage.events).toEqual(['a', 'stopped failure_limit']);
  });

  test('an actor whose end has to be decided by its owner stops as well', () => {
    const stage = new Stage({ maxFailures: 0, atLimit: 'escalate' });
    stage.fail('a');
    expect(stage.cell.isStopped).toBe(true);
    expect(stage.alerts).toHaveLength(1);
  });

  test('a failure counts until the window has passed, to the millisecond', () => {
    for (const [later, stopped] of [
      [999, true],
      [1_000, false],
    ] as const) {
      const stage = new Stage({ maxFailures: 1, windowMs: 1_000 });
      stage.fail('a');
      stage.clock.advance(later);
      stage.fail('b');
      expect(stage.cell.isStopped).toBe(stopped);
    }
  });

  test('the actor stops at the first failure that makes too many within the window, and not before', () => {
    const gaps = fc.array(fc.nat(700), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.nat(4), gaps, (maxFailures, list) => {
        const stage = new Stage({ maxFailures, windowMs: 1_000 });
        const failures: number[] = [];
        for (const gap of list) {
          stage.clock.advance(gap);
          const now = stage.clock.elapsed();
          failures.push(now);
          stage.fail('f');
          const tooMany = failures.filter((at) => at > now - 1_000).length > maxFailures;
          expect(stage.cell.isStopped).toBe(tooMany);
          if (tooMany) return;
        }
        expect(stage.cell.health().restart_count).toBe(list.length);
      }),
    );
  });
});

describe('back-off', () => {
  const backoff = { minMs: 100, maxMs: 1_000 };

  test('doubles with every failure up to its maximum, and messages wait that long', () => {
    const stage = new Stage({ backoff, maxFailures: 10 });
    for (const pause of [100, 200, 400, 800, 1_000, 1_000]) {
      stage.fail('f');
      const before = stage.events.length;
      expect(stage.tell('next')).toBe(true);
      stage.clock.advance(pause - 1);
      expect(stage.events).toHaveLength(before);
      stage.clock.advance(1);
      expect(stage.events.slice(before)).toEqual(['next', '/next']);
    }
  });

  test('begins anew when earlier failures have left the window', () => {
    const stage = new Stage({ backoff, windowMs: 5_000 });
    stage.fail('f');
    stage.clock.advance(100);
    stage.fail('f');
    stage.clock.advance(6_000);
    stage.fail('f');
    stage.tell('next');
    stage.clock.advance(100);
    expect(stage.events.at(-1)).toBe('/next');
  });

  test('lets answers through', () => {
    const stage = new Stage({ backoff });
    stage.fail('f');
    stage.cell.answer(() => stage.events.push('answer'), null);
    expect(stage.events).toEqual(['f', 'failed f', 'answer']);
  });

  test('is not needed for an actor that stops', () => {
    const stage = new Stage({ backoff, maxFailures: 0 });
    stage.fail('f');
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test('is over when the actor was stopped meanwhile', () => {
    const stage = new Stage({ backoff });
    stage.fail('f');
    stage.tell('next');
    stage.cell.stop('finished');
    stage.clock.advance(1_000);
    expect(stage.events).toEqual(['f', 'failed f', 'stopped finished']);
  });
});
