/** The contract on queues at RabbitMQ, and its bad days: it comes late, is killed with messages, hangs. */
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../test/harness/deadline.ts';
import { makeRabbitmq, RABBITMQ, type RabbitmqServer } from '../../test/harness/rabbitmq-server.ts';
import { silentLog } from '../telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../telemetry/system-clock.ts';
import { BOUND, MAX_DEAD, queueContract } from './contract-suite.ts';
import { RabbitQueueStore } from './rabbitmq.ts';
import { consumeAll, HeldWork, putAll, queuesOf } from './test-rig.ts';

/** It starts a virtual machine. */
const PATIENCE_MS = 300_000;

describe.skipIf(RABBITMQ === null)('RabbitMQ', () => {
  let server: RabbitmqServer | undefined;
  let stores: RabbitQueueStore[] = [];

  const open = async (name: string): Promise<RabbitQueueStore> => {
    const bounds = { maxMessages: BOUND, maxDead: MAX_DEAD };
    const store = new RabbitQueueStore(bounds, { connect, clock, scheduler, log: silentLog, name });
    stores.push(store);
    await store.start(server?.url ?? '');
    return store;
  };
  const there = (store: RabbitQueueStore): Promise<void> =>
    eventually(() => store.trouble() === null, 'RabbitMQ to be there', PATIENCE_MS);

  beforeAll(async () => {
    server = await makeRabbitmq();
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.stop()));
    stores = [];
    server?.end();
  }, PATIENCE_MS);

  test(
    'W-03: a node that starts before its broker refuses messages, and takes and handles them when it is there',
    async () => {
      const store = await open('early');
      const queue = queuesOf(store).of('early');
      const { seen, consumer } = consumeAll(queue, {});
      await eventually(() => store.trouble()?.says.includes('ECONNREFUSED') === true, 'the first try to fail');
      expect(store.trouble()?.state).toBe('starting');
      await expect(queue.put({ key: 'k', tenant: '', body: 0 })).rejects.toMatchObject({ problem: 'unavailable' });
      await expect(queue.depth()).rejects.toMatchObject({ problem: 'unavailable' });
      await server?.start();
      await there(store);
      await queue.put({ key: 'k', tenant: '', body: 1 });
      await eventually(() => seen.length === 1, 'the message');
      expect(seen[0]?.body).toBe(1);
      await consumer.stop();
    },
    PATIENCE_MS,
  );

  queueContract('RabbitMQ', async () => {
    const [store, other] = [await open('one'), await open('two')];
    await Promise.all([there(store), there(other)]);
    return { store, other, lateBy: BOUND - 1, dispose: async () => {} };
  });

  test(
    'W-31: depths are what the broker itself says, and prefetch is what it was told',
    async () => {
      const store = await open('numbers');
      await there(store);
      const queue = queuesOf(store).of('numbers');
      await putAll(queue, ['a', 'b', 'c', 'd', 'e']);
      const work = new HeldWork(queue, { prefetch: 2 });
      const held = [await work.next(), await work.next()];
      const listed = async (): Promise<string> =>
        (await server?.ctl('-q', 'list_queues', 'name', 'messages_ready', 'messages_unacknowledged')) ?? '';
      await eventually(async () => /^numbers\t3\t2$/m.test(await listed()), 'the broker to say so', 60_000);
      expect(await queue.depth()).toEqual({ ready: 3, unacknowledged: 2, later: 0, dead: 0 });
      expect(await server?.ctl('-q', 'list_consumers', 'queue_name', 'prefetch_count')).toMatch(/^numbers\t2$/m);
      for (const one of held) one.end();
      await work.consumer.stop(0);
    },
    PATIENCE_MS,
  );

  test(
    'W-33: the broker is killed and starts again: what was confirmed is handled, and a put meanwhile is refused',
    async () => {
      const store = await open('killed');
      await there(store);
      const queue = queuesOf(store).of('killed');
      // RabbitMQ writes down twice a second which quorum queues it has, and forgets one that is younger (docs/queues.md).
      const made = performance.now();
      await eventually(() => performance.now() - made > 1_500, 'the broker to have written down that it has the queue');
      await putAll(queue, ['a', 'a', 'b', 'c', 'b']);
      const work = new HeldWork(queue, { prefetch: 3 });
      const held = [await work.next(), await work.next()];
      await server?.kill();
      await eventually(() => store.trouble() !== null, 'the node to notice');
      expect(held.map(({ signal }) => signal.aborted)).toEqual([true, true]);
      for (const one of held) one.end();
      await expect(queue.put({ key: 'a', tenant: '', body: 'no' })).rejects.toMatchObject({ problem: 'unavailable' });
      await work.consumer.stop(0);
      await server?.start();
      await there(store);
      const { seen } = consumeAll(queue, {});
      await eventually(() => seen.length >= 5, 'all of them', 60_000);
      // Those that were handed out come back in an order of the broker's own.
      expect(new Set(seen.map(({ body }) => body))).toEqual(new Set([1, 2, 3, 4, 5]));
    },
    PATIENCE_MS,
  );

  test('a broker that hangs refuses within seconds, and goes on when it is back', async () => {
    const store = await open('hangs');
    await there(store);
    const queue = queuesOf(store).of('hangs');
    await putAll(queue, ['a']);
    server?.pause();
    await expect(queue.put({ key: 'a', tenant: '', body: 'no' })).rejects.toMatchObject({ problem: 'unavailable' });
    server?.resume();
    await there(store);
    await eventually(
      () =>
        queue.put({ key: 'b', tenant: '', body: 'yes' }).then(
          () => true,
          () => false,
        ),
      'it to take messages again',
    );
    const { seen } = consumeAll(queue, {});
    await eventually(() => seen.some(({ body }) => body === 'yes') && seen.some(({ body }) => body === 1), 'both');
  });
});
