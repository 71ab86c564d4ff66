/** Queues that pile up or whose broker is away: the fault is made, and doctor names it as docs/troubleshooting.md says. */
import { expect, onTestFinished, test } from 'vitest';
import type { App, Queue } from '../../src/index.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';

const PREFETCH = 4;
const MANY = 1_010;

interface Letters {
  readonly server: TestServer;
  readonly queue: Queue;
}

/** @param consumer `gone`: nobody takes from the queue; `hangs`: no message that it has in hand is ever finished */
async function letters(consumer: 'gone' | 'hangs', settings: Readonly<Record<string, string>> = {}): Promise<Letters> {
  let queue: Queue | null = null;
  const app: App = {
    name: 'letters',
    queues: { names: ['letters'] },
    start: (host) => {
      queue = host.queue('letters');
      const untilItIsCutOff = (_: unknown, signal: AbortSignal): Promise<void> =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      if (consumer === 'hangs') queue.consume({ prefetch: PREFETCH }, untilItIsCutOff);
      return {};
    },
  };
  const server = await startServer({ 'admin.token': ADMIN_TOKEN, ...settings }, [app]);
  if (queue === null) throw new Error('expected an application that has started');
  return { server, queue };
}

/** Resolves when the node has looked at its queue, as it does every few seconds. */
async function put({ server, queue }: Letters, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await queue.put({ key: `to ${at}`, tenant: '', body: { at } });
  const isSeen = async (): Promise<boolean> =>
    (await server.samples('signalbox_queue_messages')).some(
      ({ state, value }) => state === 'ready' && value >= Math.max(1, count - PREFETCH),
    );
  await eventually(isSeen, 'the node to look at its queue');
}

test('messages wait and nobody takes them', async () => {
  const there = await letters('gone');
  await put(there, 3);
  const { cure } = await named('queue-consumer-gone', { node: there.server.url, isHere: true });
  expect(cure).toContain('its consumer');
});

test('messages come faster than their consumer is done with them', async () => {
  const there = await letters('hangs');
  await put(there, MANY);
  const { cure } = await named('queue-backlog', { node: there.server.url, isHere: true });
  expect(cure).toContain('prefetch');
});

test('nobody listens where RabbitMQ should be', async () => {
  const { server } = await letters('gone', { 'queue.url': `amqp://guest:a-secret-word@127.0.0.1:${await freePort()}` });
  const { line, cure } = await named('queue-refused', { node: server.url, isHere: true });
  expect(line).not.toContain('a-secret-word');
  expect(cure).toContain('queue.url');
});

test('the Redis of the queues ends while nodes run', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.end());
  const { server, queue } = await letters('gone', { 'redis.url': redis.url });
  await queue.put({ key: 'to 1', tenant: '', body: {} });
  redis.end();
  await named('queue-away', { node: server.url, isHere: true });
});
