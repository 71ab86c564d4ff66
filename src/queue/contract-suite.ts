/** The contract that every store of queues has to pass. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../test/harness/deadline.ts';
import type { Queue } from './queue.ts';
import type { QueueStore } from './queue-store.ts';
import type { Queues } from './queues.ts';
import { consumeAll, HeldWork, MAX_MESSAGE_BYTES, putAll, queuesOf } from './test-rig.ts';

export interface UnderContract {
  /** Takes {@link BOUND} messages a queue. */
  readonly store: QueueStore;
  /** Of another node, at the same broker; the store itself where there is none. */
  readonly other: QueueStore;
  /** Messages beyond the bound that it takes before it refuses. */
  readonly lateBy: number;
  readonly dispose: () => Promise<void>;
}

/** Messages that the stores of the contract take. */
export const BOUND = 50;
/** Dead letters that they keep. */
export const MAX_DEAD = 40;

let made = 0;

export function queueContract(name: string, make: () => Promise<UnderContract>): void {
  describe(`the contract of queues: ${name}`, () => {
    let under: UnderContract;
    let [queues, others]: Queues[] = [];
    let queue: Queue;
    let elsewhere: Queue;
    beforeAll(async () => {
      under = await make();
      queues = queuesOf(under.store);
      others = queuesOf(under.other);
    });
    beforeEach(() => {
      made += 1;
      queue = (queues as Queues).of(`queue-${process.pid}-${made}`);
      elsewhere = (others as Queues).of(queue.name);
    });
    afterEach(async () => {
      await Promise.all([queues?.quiet(0), others?.quiet(0)]);
    });
    afterAll(() => under.dispose());

    const empties = async (): Promise<void> => {
      await eventually(async () => {
        const { ready, unacknowledged, later } = await queue.depth();
        return ready + unacknowledged + later === 0;
      }, 'the queue to be empty');
    };

    test('a message is handled as it was put in, once, and is gone', async () => {
      const body = { text: 'grüße 👋 \u2028', list: [1, null, true], nested: { a: 'b' } };
      await queue.put({ id: 'm-1', key: 'k', tenant: 'acme', body, headers: { trace: 'x' } });
      expect(await queue.depth()).toEqual({ ready: 1, unacknowledged: 0, later: 0, dead: 0 });
      const { seen } = consumeAll(queue, {});
      await empties();
      expect(seen).toEqual([
        {
          id: 'm-1',
          key: 'k',
          tenant: 'acme',
          body,
          headers: { trace: 'x' },
          queuedAt: expect.any(Number) as number,
          attempt: 1,
        },
      ]);
      expect(await queue.dead(10)).toEqual([]);
    });

    test('what waits is ready, what is in work is unacknowledged, and prefetch bounds it', async () => {
      await putAll(queue, ['a', 'b', 'c', 'd', 'e']);
      const work = new HeldWork(queue, { prefetch: 2 });
      const first = await work.next();
      const second = await work.next();
      await eventually(async () => (await queue.depth()).unacknowledged === 2, 'two in work');
      expect(await queue.depth()).toMatchObject({ ready: 3, unacknowledged: 2 });
      expect(work.consumer.inWork).toBe(2);
      first.end();
      const third = await work.next();
      expect(work.held).toHaveLength(3);
      for (const held of [second, third]) held.end();
      for (let at = 0; at < 2; at += 1) (await work.next()).end();
      await empties();
      expect(new Set(work.bodies)).toEqual(new Set([1, 2, 3, 4, 5]));
    });

    test('W-19: messages of a key follow each other, and others do not wait for them', async () => {
      await putAll(queue, ['a', 'a', 'b', 'a', 'b']);
      const work = new HeldWork(queue, { prefetch: 10 });
      const [one, three] = [await work.next(), await work.next()];
      expect(work.bodies).toEqual([1, 3]);
      three.end();
      const five = await work.next();
      expect(work.bodies).toEqual([1, 3, 5]);
      five.end();
      one.end();
      const two = await work.next();
      two.end();
      (await work.next()).end();
      await empties();
      expect(work.bodies).toEqual([1, 3, 5, 2, 4]);
    });

    test('W-19: while a message waits for its next attempt those behind it wait too, and other keys flow', async () => {
      await putAll(queue, ['a', 'a', 'b', 'a']);
      const { seen } = consumeAll(queue, { prefetch: 10, retryMs: 100 }, ({ body, attempt }) => {
        if (body === 1 && attempt <= 2) throw new Error('500');
      });
      await empties();
      const bodies = seen.map(({ body }) => body);
      expect(bodies.filter((body) => body !== 3)).toEqual([1, 1, 1, 2, 4]);
      expect(bodies.indexOf(3)).toBeLessThan(3);
      expect(seen.filter(({ body }) => body === 1).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    });

    test('after its attempts a message is a dead letter with its reason, and the next of its key goes on', async () => {
      await queue.put({ id: 'bad', key: 'a', tenant: 't', body: 'bad', headers: { source: 'x' } });
      await queue.put({ id: 'good', key: 'a', tenant: 't', body: 'good' });
      const { seen } = consumeAll(queue, { attempts: 3 }, ({ body }) => {
        if (body === 'bad') throw new RangeError('not this one');
      });
      await empties();
      expect(seen.map(({ id, attempt }) => [id, attempt])).toEqual([
        ['bad', 1],
        ['bad', 2],
        ['bad', 3],
        ['good', 1],
      ]);
      expect(await queue.depth()).toEqual({ ready: 0, unacknowledged: 0, later: 0, dead: 1 });
      expect(await queue.dead(10)).toEqual([
        {
          id: 'bad',
          key: 'a',
          tenant: 't',
          body: 'bad',
          headers: { source: 'x' },
          queuedAt: expect.any(Number) as number,
          attempt: 3,
          reason: 'RangeError: not this one',
          at: expect.any(Number) as number,
        },
      ]);
    });

    test('a handler says when to try again, whether that was an attempt, and when never', async () => {
      await putAll(queue, ['a', 'b']);
      const times: number[] = [];
      const { seen } = consumeAll(queue, { attempts: 2 }, ({ body }) => {
        if (body === 2) return { dead: 'a wrong number' };
        times.push(performance.now());
        return times.length <= 4 ? { retryAfterMs: 60, isCounted: false } : undefined;
      });
      await empties();
      expect(seen.filter(({ body }) => body === 1).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1]);
      const pauses = times.slice(1).map((time, at) => time - (times[at] as number));
      for (const pause of pauses) expect(pause).toBeGreaterThan(55);
      expect((await queue.dead(10)).map(({ id, reason, attempt }) => [id, reason, attempt])).toEqual([
        ['2', 'a wrong number', 1],
      ]);
    });

    test('what waits for its next attempt is later, and no consumer is kept busy by it', async () => {
      await putAll(queue, ['a', 'a', 'b', 'c']);
      const { seen } = consumeAll(queue, { prefetch: 1 }, ({ key }) =>
        key === 'a' ? { retryAfterMs: 60_000 } : undefined,
      );
      await eventually(() => seen.length === 3, 'the others to be handled');
      await eventually(async () => (await queue.depth()).unacknowledged === 0, 'the last to be settled');
      expect(await queue.depth()).toEqual({ ready: 1, unacknowledged: 0, later: 1, dead: 0 });
    });

    test('W-31: three consumers on two nodes share the messages; nothing is handled twice', async () => {
      const keys = Array.from({ length: 45 }, (_, at) => `key-${at}`);
      const all = [queue, elsewhere, elsewhere].map((it) =>
        consumeAll(it, { prefetch: 3 }, () => new Promise((resolve) => setTimeout(resolve, 5))),
      );
      await Promise.all(keys.map((key, at) => queue.put({ id: `${at}`, key, tenant: 't', body: at })));
      const count = (): number => all.reduce((sum, { seen: own }) => sum + own.length, 0);
      await eventually(() => count() >= keys.length, 'all to be handled');
      await empties();
      const seen = all.map(({ seen: own }) => own.map(({ body }) => Number(body)));
      expect(seen.flat().sort((a, b) => a - b)).toEqual(keys.map((_, at) => at));
      for (const own of seen) expect(own.length).toBeGreaterThan(0);
    });

    test('W-32: dead letters are listed, the newest first, and replayed with their headers, so many as are asked for', async () => {
      for (const id of ['x', 'y', 'z'])
        await queue.put({ id, key: 'k', tenant: 't', body: id, headers: { wamid: `of ${id}` } });
      const { consumer } = consumeAll(queue, {}, () => ({ dead: 'poison' }));
      await eventually(async () => (await queue.depth()).dead === 3, 'three dead letters');
      await consumer.stop();
      expect((await queue.dead(10)).map(({ id }) => id)).toEqual(['z', 'y', 'x']);
      expect((await queue.dead(1)).map(({ id }) => id)).toEqual(['z']);
      expect(await queue.replay(null, 2)).toBe(2);
      expect(await queue.depth()).toEqual({ ready: 2, unacknowledged: 0, later: 0, dead: 1 });
      expect(await queue.replay(['z', 'nobody'])).toBe(1);
      expect(await queue.replay(null)).toBe(0);
      const { seen } = consumeAll(queue, {});
      await empties();
      expect(seen.map(({ id, headers, attempt }) => [id, headers['wamid'], attempt])).toEqual([
        ['x', 'of x', 1],
        ['y', 'of y', 1],
        ['z', 'of z', 1],
      ]);
    });

    test('a purge drops what waits, and neither what is in work nor dead letters, which have a purge of their own', async () => {
      await putAll(queue, ['dead', 'work', 'work', 'later', 'later']);
      const work = new HeldWork(queue, { prefetch: 3 });
      const held = [await work.next(), await work.next(), await work.next()];
      for (const one of held) {
        if (one.message.key === 'dead') one.end({ dead: 'poison' });
        if (one.message.key === 'later') one.end({ retryAfterMs: 60_000 });
      }
      await eventually(async () => {
        const { dead, later } = await queue.depth();
        return dead === 1 && later === 1;
      }, 'one of each');
      expect(await queue.purge()).toBe(3);
      expect(await queue.depth()).toEqual({ ready: 0, unacknowledged: 1, later: 0, dead: 1 });
      held.find(({ message }) => message.key === 'work')?.end();
      await empties();
      expect(await queue.purgeDead()).toBe(1);
      await putAll(queue, ['work', 'later'], 10);
      (await work.next()).end();
      (await work.next()).end();
      await empties();
      expect(await queue.depth()).toEqual({ ready: 0, unacknowledged: 0, later: 0, dead: 0 });
    });

    test('a queue that is full refuses, and takes again when there is room; a message that is too large is refused always', async () => {
      await Promise.all(Array.from({ length: BOUND }, (_, at) => queue.put({ key: `${at}`, tenant: '', body: at })));
      const more = { key: 'more', tenant: '', body: 'more' };
      // A broker of several parts may notice a little late.
      let taken = 0;
      const fill = async (): Promise<void> => {
        for (; taken < BOUND; taken += 1) await queue.put({ ...more, key: `more-${taken}` });
      };
      await expect(fill()).rejects.toMatchObject({ name: 'QueueError', problem: 'full', isTemporary: true });
      expect(taken).toBeLessThanOrEqual(under.lateBy);
      const { seen } = consumeAll(queue, {});
      await empties();
      await eventually(
        () =>
          queue.put(more).then(
            () => true,
            () => false,
          ),
        'room',
      );
      await empties();
      expect(seen).toHaveLength(BOUND + taken + 1);
      const large = { key: 'k', tenant: '', body: 'ü'.repeat(MAX_MESSAGE_BYTES / 2) };
      await expect(queue.put(large)).rejects.toMatchObject({ problem: 'too_large', isTemporary: false });
      await expect(queue.put({ ...more, key: '' })).rejects.toThrow('expected a key of 1 to 256 characters, got 0');
    });

    test('of dead letters the oldest give way', async () => {
      consumeAll(queue, {}, () => ({ dead: 'poison' }));
      for (let at = 0; at < MAX_DEAD + 2; at += 1) await queue.put({ id: `${at}`, key: 'k', tenant: '', body: at });
      await empties();
      const dead = await queue.dead(1_000);
      expect(dead.map(({ body }) => body)).toEqual(Array.from({ length: MAX_DEAD }, (_, at) => MAX_DEAD + 1 - at));
    });

    test('a consumer that stops waits for what is in work, aborts what takes too long, and gives it back', async () => {
      await putAll(queue, ['a', 'b', 'b']);
      const work = new HeldWork(queue);
      const [one, two] = [await work.next(), await work.next()];
      const stopped = work.consumer.stop(150);
      one.end();
      await stopped;
      expect([one.signal.aborted, two.signal.aborted]).toEqual([false, true]);
      await eventually(async () => (await queue.depth()).ready === 2, 'one to be back');
      const next = consumeAll(elsewhere, {});
      await empties();
      expect(next.seen.map(({ body }) => body)).toEqual([2, 3]);
      expect(next.seen[0]?.attempt).toBe(2);
      two.end();
      expect(await queue.depth()).toEqual({ ready: 0, unacknowledged: 0, later: 0, dead: 0 });
    });

    test('a handler that does not come to an end has failed at its deadline, and what it says later counts no more', async () => {
      await putAll(queue, ['a']);
      const work = new HeldWork(queue, { deadlineMs: 50, attempts: 2 });
      const first = await work.next();
      const second = await work.next();
      expect(first.signal.aborted).toBe(true);
      first.end();
      second.end({ dead: 'said in time' });
      await empties();
      expect((await queue.dead(1)).map(({ reason, attempt }) => [reason, attempt])).toEqual([['said in time', 2]]);
    });

    test('what is no message of this server becomes a dead letter, and the queue goes on', async () => {
      await under.store.put(queue.name, { id: 'odd', key: 'k', text: '{"i": 7' });
      await putAll(queue, ['k']);
      const { seen } = consumeAll(queue, {});
      await empties();
      expect(seen.map(({ body }) => body)).toEqual([1]);
      expect((await queue.dead(1))[0]?.reason).toContain('it cannot be read');
    });
  });
}
