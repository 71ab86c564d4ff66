import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { open, Stage, type Message } from '../../test/kit/recording-actor.ts';

describe('one message at a time', () => {
  test('a free actor handles a message before tell returns', () => {
    const stage = new Stage();
    expect(stage.tell('a')).toBe(true);
    expect(stage.events).toEqual(['a', '/a']);
  });

  test('a message told while another is handled waits for its end', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => {
      for (const name of ['b', 'c']) expect(cell.tell({ name }, 1)).toBe(true);
      stage.events.push('still a');
    });
    expect(stage.events).toEqual(['a', 'still a', '/a', 'b', '/b', 'c', '/c']);
  });

  test('also while what a message awaits is under way', async () => {
    const stage = new Stage();
    const { promise, resolve } = open();
    stage.tell('a', () => promise);
    stage.tell('b');
    await stage.settle();
    expect(stage.events).toEqual(['a']);
    resolve();
    await stage.settle();
    expect(stage.events).toEqual(['a', '/a', 'b', '/b']);
  });

  test('also between suspend and resume', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => cell.suspend());
    stage.tell('b', (cell) => cell.suspend());
    stage.tell('c');
    expect(stage.events).toEqual(['a', '/a']);
    stage.cell.resume();
    expect(stage.events).toEqual(['a', '/a', 'b', '/b']);
    stage.cell.resume();
    expect(stage.events).toEqual(['a', '/a', 'b', '/b', 'c', '/c']);
  });

  test('a message that suspends and resumes within itself does not let others in before its end', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => {
      cell.suspend();
      cell.tell({ name: 'b' }, 1);
      cell.resume();
      stage.events.push('still a');
    });
    expect(stage.events).toEqual(['a', 'still a', '/a', 'b', '/b']);
  });

  test('whatever messages do, in the order in which they were told', async () => {
    const kinds = fc.array(fc.constantFrom('plain', 'throw', 'await', 'reject', 'suspend', 'nest'), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(kinds, async (list) => {
        const stage = new Stage({ maxFailures: 1_000 });
        const waiting: (() => void)[] = [];
        const acts: Record<string, Message['act']> = {
          plain: () => {},
          throw: () => {
            throw new Error('thrown');
          },
          await: () => {
            const { promise, resolve } = open();
            waiting.push(resolve);
            return promise;
          },
          reject: () => {
            const { promise, reject } = open();
            waiting.push(() => reject(new Error('rejected')));
            return promise;
          },
          suspend: (cell) => {
            cell.suspend();
            waiting.push(() => cell.resume());
          },
          nest: (cell) => void cell.tell({ name: 'nested' }, 1),
        };
        const begun: string[] = [];
        for (const [at, kind] of list.entries()) {
          stage.tell(`${at} ${kind}`, (cell) => {
            expect(waiting).toEqual([]);
            begun.push(`${at} ${kind}`);
            return acts[kind]?.(cell);
          });
        }
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          next();
          await stage.settle();
        }
        expect(begun).toEqual(list.map((kind, at) => `${at} ${kind}`));
        const failures = list.filter((kind) => kind === 'throw' || kind === 'reject').length;
        expect(stage.deadLetters.total).toBe(failures);
        const nested = list.filter((kind) => kind === 'nest').length;
        expect(stage.cell.health()).toMatchObject({ messages_processed: list.length + nested, mailbox_size: 0 });
      }),
    );
  });
});

describe('answers of ports', () => {
  test('run at once when the actor is free', () => {
    const stage = new Stage();
    stage.cell.answer(() => stage.events.push('answer'), null);
    expect(stage.events).toEqual(['answer']);
  });

  test('never run in the middle of a message, but before those that wait', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => {
      cell.tell({ name: 'b' }, 1);
      cell.answer(() => stage.events.push('first answer'), null);
      cell.answer(() => stage.events.push('second answer'), null);
      stage.events.push('still a');
    });
    expect(stage.events).toEqual(['a', 'still a', '/a', 'first answer', 'second answer', 'b', '/b']);
  });

  test('run while the actor is suspended, and only then resume it', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => cell.suspend());
    stage.tell('b');
    stage.cell.answer(() => stage.events.push('answer'), null);
    expect(stage.events).toEqual(['a', '/a', 'answer']);
    stage.cell.answer(() => {
      stage.cell.resume();
      stage.events.push('resumed');
    }, null);
    expect(stage.events).toEqual(['a', '/a', 'answer', 'resumed', 'b', '/b']);
  });

  test('run while what a message awaits is under way', async () => {
    const stage = new Stage();
    const { promise, resolve } = open();
    stage.tell('a', () => promise);
    stage.tell('b');
    stage.cell.answer(() => stage.events.push('answer'), null);
    expect(stage.events).toEqual(['a', 'answer']);
    resolve();
    await stage.settle();
    expect(stage.events).toEqual(['a', 'answer', '/a', 'b', '/b']);
  });

  test('that come during an answer run after it, and a message told then after all of them', () => {
    const stage = new Stage();
    stage.cell.answer(() => {
      stage.tell('a');
      stage.cell.answer(() => stage.events.push('inner'), null);
      stage.events.push('outer');
    }, null);
    expect(stage.events).toEqual(['outer', 'inner', 'a', '/a']);
  });

  test('that fail are counted against the message that asked, and the actor goes on', () => {
    const stage = new Stage();
    stage.cell.answer(
      () => {
        throw new Error('bad answer');
      },
      { name: 'asked' },
    );
    stage.cell.answer(() => {
      throw new Error('nobody asked');
    }, null);
    stage.tell('b');
    expect(stage.events).toEqual(['failed asked', 'failed without message', 'b', '/b']);
    expect(stage.deadLetters.list().map(({ message }) => message)).toEqual(
      expect.arrayContaining(['message asked', null]),
    );
  });

  test('that the failed message waited for does not leave the actor suspended', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => cell.suspend());
    stage.tell('b');
    stage.cell.answer(
      () => {
        throw new Error('bad answer');
      },
      { name: 'a' },
    );
    expect(stage.events).toEqual(['a', '/a', 'failed a', 'b', '/b']);
  });
});

describe('the inbox', () => {
  test('refuses when it is full, by count and by bytes, and takes again when there is room', () => {
    const stage = new Stage({ inbox: { capacity: 3, bytes: 100 } });
    stage.tell('a', (cell) => cell.suspend());
    expect([10, 20, 80, 70, 0].map((size, at) => stage.tell(`m${at}`, undefined, size))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    expect(stage.cell.health()).toMatchObject({ mailbox_size: 3, mailbox_bytes: 100 });
    stage.cell.resume();
    expect(stage.events.filter((event) => event.startsWith('/'))).toEqual(['/a', '/m0', '/m1', '/m3']);
    expect(stage.tell('late')).toBe(true);
  });

  test('an order of others than the client has room in it, and has its turn in order', () => {
    const stage = new Stage({ inbox: { capacity: 1, bytes: 1 } });
    stage.tell('a', (cell) => cell.suspend());
    expect([stage.tell('b'), stage.tell('c')]).toEqual([true, false]);
    stage.cell.order({ name: 'd' });
    stage.cell.resume();
    stage.cell.order({ name: 'e' });
    expect(stage.events.filter((event) => event.startsWith('/'))).toEqual(['/a', '/b', '/d', '/e']);
  });

  test('does not count what is handled at once', () => {
    const stage = new Stage({ inbox: { capacity: 1, bytes: 1 } });
    expect(stage.tell('large', undefined, 1_000)).toBe(true);
    expect(stage.cell.health()).toMatchObject({ mailbox_size: 0, mailbox_bytes: 0 });
  });
});

describe('stopping', () => {
  test('drops what is queued, takes nothing more, and tells the actor once', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => cell.suspend());
    stage.tell('b');
    stage.cell.stop('finished');
    stage.cell.stop('finished');
    stage.cell.resume();
    expect(stage.tell('c')).toBe(false);
    expect(stage.cell.isStopped).toBe(true);
    expect(stage.events).toEqual(['a', '/a', 'stopped finished']);
    expect(stage.cell.health()).toMatchObject({ mailbox_size: 0, mailbox_bytes: 0, messages_processed: 1 });
  });

  test('within a message ends it there: nothing that waits is handled after it', () => {
    const stage = new Stage();
    stage.tell('a', (cell) => {
      cell.tell({ name: 'b' }, 1);
      cell.answer(() => stage.events.push('answer'), null);
      cell.stop('finished');
      expect(cell.tell({ name: 'c' }, 1)).toBe(false);
    });
    expect(stage.events).toEqual(['a', 'stopped finished', '/a']);
  });

  test('makes answers meaningless, those too that are only a promise yet', async () => {
    const stage = new Stage();
    const { promise, reject } = open();
    stage.tell('a', () => promise);
    stage.cell.stop('finished');
    stage.cell.answer(() => stage.events.push('answer'), null);
    reject(new Error('too late'));
    await stage.settle();
    expect(stage.events).toEqual(['a', 'stopped finished']);
    expect(stage.deadLetters.total).toBe(0);
  });
});

describe('health', () => {
  test('of an actor that never did anything is all zero', () => {
    expect(new Stage().cell.health()).toEqual({
      id: 'actor-1',
      mailbox_size: 0,
      mailbox_bytes: 0,
      oldest_age_ms: 0,
      messages_processed: 0,
      processing_time_ms: 0,
      error_rate: 0,
      restart_count: 0,
      last_error: null,
    });
  });

  test('counts messages, their mean time, failures and what waits', () => {
    const stage = new Stage();
    for (const ms of [2, 4, 0]) stage.tell('work', () => stage.clock.advance(ms));
    stage.fail('x');
    stage.tell('a', (cell) => cell.suspend());
    stage.tell('b', undefined, 7);
    stage.clock.advance(40);
    expect(stage.cell.health()).toMatchObject({
      mailbox_size: 1,
      mailbox_bytes: 7,
      oldest_age_ms: 40,
      messages_processed: 5,
      processing_time_ms: 6 / 5,
      error_rate: 1 / 5,
      restart_count: 1,
      last_error: expect.stringContaining('x failed') as string,
    });
  });

  test('of a busy actor times one message of so many, which stands for the others', () => {
    const stage = new Stage();
    let looks = 0;
    const elapsed = stage.clock.elapsed.bind(stage.clock);
    stage.clock.elapsed = () => {
      looks += 1;
      return elapsed();
    };
    for (let sent = 0; sent < 100; sent += 1) stage.tell('work', () => stage.clock.advance(2));
    expect(looks).toBeLessThan(60);
    expect(stage.cell.health()).toMatchObject({ messages_processed: 100, processing_time_ms: 2 });
  });
});
